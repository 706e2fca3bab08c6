/**
 * What `nta process` and `nta analyze` make of their settings of detection. What reads a configuration or a detector of
 * someone's own is loaded only where there is one: the readers of YAML and schemas take a quarter of a second, as long as
 * `nta analyze` needs for 300,000 packets.
 */
import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Detector } from '../contract/detector.js';
import type { DetectionRule, DetectionRules } from '../contract/rule.js';
import { builtInDetectors } from '../detectors/built-in.js';
import { NO_THREATS, type ThreatLookup, threatIntel as threatIntelOf } from '../detectors/threat-intel.js';
import type { EngineLimits } from '../engine/engine.js';
import { isUrl } from '../intelligence/list-origin.js';
import type { ListSource } from '../intelligence/list-source.js';
import { defaultRules } from './default-rules.js';
import type { DetectionSettings } from './detection-options.js';

/** The engine's limits. The budget is the process's; each partition it is assigned gets an equal part. */
export function toEngineLimits(
  settings: Pick<DetectionSettings, 'stateBudget' | 'allowedLateness' | 'ipv6Prefix' | 'outcomeWait' | 'dedupeWindow'>,
  partitions: number,
): EngineLimits {
  return {
    stateBudgetBytes: Math.floor(settings.stateBudget / Math.max(1, partitions)),
    allowedLatenessMicros: settings.allowedLateness * 1000,
    ipv6PrefixBits: settings.ipv6Prefix,
    outcomeWaitMicros: settings.outcomeWait * 1000,
    dedupeWindowMicros: settings.dedupeWindow * 1000,
  };
}

/** Where rules come from. */
export type RuleSettings = Pick<DetectionSettings, 'detectionConfig' | 'detector'> &
  Partial<Pick<DetectionSettings, 'threatIntel' | 'rules'>>;

/**
 * The rules of `--detection-config` for the built-in detectors, those of `--detector` and lists of `--threat-intel`, or their defaults.
 *
 * @throws Failure `CONFIGURATION`, `DETECTOR` or `THREAT_INTEL` with every error, a line each
 */
export function loadRules(settings: RuleSettings): Promise<DetectionRules> {
  return new RuleLoader(settings).load();
}

/** Reads them again and again: lists that have not changed are not read again. */
export class RuleLoader {
  private lists: ListSource | undefined;

  constructor(
    private readonly settings: RuleSettings,
    /** Told of a list that cannot be read now and stays as it was. */
    private readonly onStale: (reason: string) => void = () => undefined,
  ) {}

  /** The files whose change is a change of the rules. */
  get files(): readonly string[] {
    const { detectionConfig, threatIntel = [], rules = [] } = this.settings;
    return [
      ...(detectionConfig === '' ? [] : [detectionConfig]),
      ...rules,
      ...threatIntel.filter((origin) => !isUrl(origin)),
    ];
  }

  /** Whether something has to be asked for again that does not say when it changes. */
  get asksAgain(): boolean {
    return (this.settings.threatIntel ?? []).some(isUrl);
  }

  /** @throws Failure as `loadRules` */
  async load(): Promise<DetectionRules> {
    const { detectionConfig, detector, threatIntel = [], rules: ruleFiles = [] } = this.settings;
    const coded =
      detector.length === 0 ? builtInDetectors : await (await import('./plug-in.js')).loadDetectors(detector);
    const known = ruleFiles.length === 0 ? coded : [...coded, ...(await readRuleFiles(ruleFiles, coded))];
    const lists = threatIntel.length === 0 ? NO_THREATS : await this.readLists(threatIntel);
    const detectors = known.map((each) => (each.id === LISTED ? threatIntelOf(lists) : each));
    const { rules } =
      detectionConfig === '' ? defaultRules(detectors) : await readConfiguration(detectionConfig, detectors);
    return { rules: rules.flatMap((rule) => (rule.detector.id === LISTED ? withLists(rule, lists) : [rule])) };
  }

  private async readLists(origins: readonly string[]): Promise<ThreatLookup> {
    const { ListSource } = await import('../intelligence/list-source.js');
    this.lists ??= new ListSource();
    return this.lists.read(origins, this.onStale);
  }
}

const LISTED = 'threat-intel';

/** Without lists there is no such rule, and what a file says of it is no mistake. Versions of lists are settings: with others, it is another rule. */
function withLists(rule: DetectionRule, { isEmpty, versions }: ThreatLookup): DetectionRule[] {
  return isEmpty ? [] : [{ ...rule, options: { ...rule.options, lists: versions } }];
}

/** @throws Failure `CONFIGURATION` with every error of every file, a line each */
async function readRuleFiles(files: readonly string[], before: readonly Detector[]): Promise<readonly Detector[]> {
  const { parseRuleFile } = await import('./rule-file.js');
  const detectors: Detector[] = [];
  const errors: string[] = [];
  for (const file of files) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      errors.push(`--rules ${file}: cannot be read: ${messageOf(error)}`);
      continue;
    }
    const result = parseRuleFile(text, file, new Set([...before, ...detectors].map(({ id }) => id)));
    if (result.ok) detectors.push(...result.detectors);
    else errors.push(...result.errors);
  }
  if (errors.length > 0) throw new Failure('CONFIGURATION', errors.join('\n'));
  return detectors;
}

async function readConfiguration(file: string, detectors: readonly Detector[]): Promise<DetectionRules> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('CONFIGURATION', `--detection-config ${file}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { parseDetectionConfiguration } = await import('./detection-configuration.js');
  const result = parseDetectionConfiguration(text, file, detectors);
  if (!result.ok) throw new Failure('CONFIGURATION', result.errors.join('\n'));
  // A detector that cannot take its options must not come into force half-way.
  for (const { detector, options } of result.rules.rules) detector.createObserver(options);
  return result.rules;
}
