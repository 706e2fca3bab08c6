import type { Detector } from '../../../processors/contract/detector.js';
import type { DetectionRule, DetectionRules } from '../../../processors/contract/rule.js';
import { microsOf } from '../../../processors/hunt/continuation.js';
import { HuntStore } from '../../../processors/hunt/hunt-store.js';
import { runPass } from '../../../processors/hunt/hunter.js';
import { FIRST_SEEN_RULES } from '../../../processors/hunt/questions.js';
import { type DetectionSettings, detectionOptions } from '../../../processors/rules/detection-options.js';
import { loadRules, toEngineLimits } from '../../../processors/rules/detection-settings.js';
import { postgresOptions, withPostgres } from '../../../runtime/postgres/client.js';
import { Failure } from '../../../runtime/process/failure.js';
import { type Command, defineOptions, type Settings } from '../../../runtime/process/options.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { compareAlerts, formatComparison } from '../backtest.js';
import { analyzeCaptures, captureReadingOptions, detectionSettings } from '../capture-analysis.js';
import { defineCommand, printRefusal } from '../command.js';
import { DetectionThread } from '../detection-thread.js';
import { dataDirOption, withLocalPostgres } from '../local-postgres.js';
import { chosenFormat, jsonOption } from '../output-format.js';

const backtestOwnOptions = defineOptions({
  ...jsonOption,
  format: {
    kind: 'string',
    env: null,
    default: 'table',
    choices: ['table', 'json'],
    help: 'a table, or one object a line: verdict (new, same, gone), alert, and before where it is the same',
  },
  capture: {
    kind: 'list',
    env: null,
    default: [],
    verbatim: true,
    placeholder: '<file>',
    help: 'a capture to run the rules over',
  },
  hours: {
    kind: 'integer',
    env: null,
    default: 0,
    minimum: 0,
    maximum: 8784,
    unit: 'hours',
    help: 'run them over so many hours of stored conversations, and beside the alerts stored of that time',
  },
  rule: {
    kind: 'list',
    env: null,
    default: [],
    placeholder: '<id>',
    help: 'compare this rule; all that the files change or add when none is named',
  },
});

const backtestOptions = {
  ...backtestOwnOptions,
  ...detectionOptions,
  ...captureReadingOptions,
  ...postgresOptions,
  ...dataDirOption,
};
type BacktestSettings = Settings<typeof backtestOptions>;

/** `nta backtest`: what rules would have said, before they are in force. */
export function backtestCommand(): Command {
  return defineCommand({
    name: 'backtest',
    description: [
      'Rules are those of --rules, --detection-config, --threat-intel and --detector. Of captures "was said" is what the built-in settings say;',
      'of stored conversations it is what stands in the table alerts. Nothing is published and nothing is stored.',
      '',
      'Examples:',
      '  nta backtest --rules own.yaml --capture monday.pcap --capture tuesday.pcap',
      '  nta backtest --rules own.yaml --hours 24 --format json',
      '  nta backtest --detection-config stricter.yaml --rule port-scan --capture monday.pcap',
    ].join('\n'),
    options: backtestOptions,
    run: async ({ settings, output }) => {
      const format = chosenFormat(settings, 'table');
      if ((settings.capture.length === 0) === (settings.hours === 0))
        throw new Failure('CONFIGURATION', 'nothing to run rules over, or too much: give --capture FILE or --hours N');
      const rules = await loadRules(settings);
      const ids = await comparedRules(settings, rules);
      const failures: string[] = [];
      const [said, would] =
        settings.capture.length > 0
          ? [
              await overCaptures({ ...settings, rules: [], detectionConfig: '', threatIntel: [], detector: [] }, []),
              await overCaptures(settings, failures),
            ]
          : await overStored(settings, rules, ids);
      const isCompared = ({ rule }: AlertDocument): boolean => ids.has(rule.id);
      const comparisons = compareAlerts(said.filter(isCompared), would.filter(isCompared));
      if (format === 'json') for (const each of comparisons) await output.write(`${JSON.stringify(each)}\n`);
      else await output.write(`${await formatComparison(comparisons)}\n`);
      for (const failure of failures) printRefusal(failure);
      return failures.length > 0 ? 1 : 0;
    },
  });
}

/** @throws Failure `CONFIGURATION` for a rule that there is none of */
async function comparedRules(settings: BacktestSettings, { rules }: DetectionRules): Promise<ReadonlySet<string>> {
  const builtIn = (await loadRules({ detectionConfig: '', detector: [] })).rules;
  const known = new Set([...rules, ...builtIn].map(({ detector }) => detector.id));
  const unknown = settings.rule.find((id) => !known.has(id));
  if (unknown !== undefined)
    throw new Failure('CONFIGURATION', `--rule ${unknown}: there is no such rule; known are ${[...known].join(', ')}`);
  if (settings.rule.length > 0) return new Set(settings.rule);
  const before = new Map(builtIn.map((rule) => [rule.detector.id, settingsOf(rule)]));
  const after = new Map(rules.map((rule) => [rule.detector.id, settingsOf(rule)]));
  const changed = [...known].filter((id) => before.get(id) !== after.get(id));
  return changed.length > 0 ? new Set(changed) : known;
}

function settingsOf({ threshold, windowMicros, severity, options, exceptions }: DetectionRule): string {
  return JSON.stringify([threshold, windowMicros, severity, options, exceptions]);
}

async function overCaptures(settings: BacktestSettings, failures: string[]): Promise<readonly AlertDocument[]> {
  const alerts: AlertDocument[] = [];
  const detection = new DetectionThread(detectionSettings(settings), (more) => void alerts.push(...more));
  try {
    const analysis = await analyzeCaptures(settings.capture, settings, detection);
    failures.push(...analysis.failures);
  } finally {
    await detection.stop();
  }
  return alerts;
}

/** What stored conversations show: rules that look at anything else cannot be run over them. */
function looksAtConversationsAlone(detector: Detector): boolean {
  const { conversations, attempts, received, observations, packets, id } = detector;
  return (
    conversations === true &&
    attempts !== true &&
    received !== true &&
    observations === undefined &&
    packets.length === 0 &&
    !FIRST_SEEN_RULES.has(id)
  );
}

async function overStored(
  given: BacktestSettings,
  { rules }: DetectionRules,
  ids: ReadonlySet<string>,
): Promise<readonly [readonly AlertDocument[], readonly AlertDocument[]]> {
  const settings = withLocalPostgres(given);
  const asked = rules.filter(({ detector }) => ids.has(detector.id));
  const own = asked.filter(({ detector }) => looksAtConversationsAlone(detector));
  const other = asked.filter((rule) => !own.includes(rule)).map(({ detector }) => detector.id);
  if (other.length > 0)
    process.stderr.write(`nta: these look at more than conversations, run them over captures: ${other.join(', ')}\n`);
  const runnable = new Set(own.map(({ detector }) => detector.id));
  return withPostgres(settings, 'nta-backtest', async (client) => {
    await client.query("SET timezone TO 'UTC'");
    const said = new Map<string, AlertDocument>();
    const would: AlertDocument[] = [];
    const store = new HuntStore(client);
    // What is excepted by now is no news in either.
    const exceptions = await store.exceptions((id, reason) =>
      process.stderr.write(`nta: exception ${id} cannot be used: ${reason}\n`),
    );
    for (const scope of own.length === 0 ? [] : await store.scopes(settings.hours, true, false)) {
      const { rows } = await client.query<{ id: string; document: AlertDocument }>(
        `SELECT id, document FROM alerts WHERE rule_id = ANY($1) AND last_seen >= to_timestamp($2) AND first_seen <= to_timestamp($3)`,
        [[...runnable], scope.from / 1e6, scope.to / 1e6],
      );
      for (const { id, document } of rows)
        if (exceptions.find(document, microsOf(document.nta.alert.evidence.last_seen)) === null) said.set(id, document);
      const limits = toEngineLimits(settings as DetectionSettings, 1);
      const { alerts } = await runPass(store.conversations(scope, own), { rules: own }, limits, scope, exceptions);
      would.push(...alerts);
    }
    return [[...said.values()], would];
  });
}
