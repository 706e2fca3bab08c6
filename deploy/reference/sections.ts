/** What the README files say of the code, section by section. */
import { createApi } from '../../api/server.js';
import { apiOptions } from '../../api/settings.js';
import { builtInDetectors } from '../../processors/detectors/built-in.js';
import { HuntMetrics } from '../../processors/hunt/hunt-metrics.js';
import { huntDetectionOptions, huntOwnOptions } from '../../processors/hunt/hunt-options.js';
import { processOptions } from '../../processors/process-options.js';
import { createProcessor } from '../../processors/processor.js';
import { detectorSettings } from '../../processors/rules/settings-table.js';
import { captureOptions, createCapture } from '../../producers/capture.js';
import { kafkaOptions } from '../../runtime/kafka/client.js';
import { topicOptions } from '../../runtime/kafka/topic-setup.js';
import { postgresOptions } from '../../runtime/postgres/client.js';
import { createLog, logOptions } from '../../runtime/process/log.js';
import { metricsOptions, Registry } from '../../runtime/process/metrics.js';
import { type OptionTable, readSettings, type Settings } from '../../runtime/process/options.js';
import { SEVERITY_NAMES } from '../../schemas/alerts/alert.js';
import { ALERT_OUTPUTS } from '../../sinks/deliveries/catalogue.js';
import { outputOptions } from '../../sinks/deliveries/delivery-options.js';
import { createDeliverySink } from '../../sinks/deliveries/delivery-sink.js';
import { sinkOptions } from '../../sinks/options.js';
import { createPostgresSink } from '../../sinks/postgres-sink.js';
import { retentionServiceOptions } from '../../sinks/retention/retention-service.js';
import { runOwnOptions } from '../nta/run-settings.js';
import { setupWaitOptions } from '../nta/setup-wait.js';
import { markdownTable, metricsTable, settingsTable, topicsTable } from './reference.js';

/** The text of each section by its name, by the file that it stands in. */
export async function referenceSections(): Promise<Record<string, Record<string, string>>> {
  return { 'README.md': { detectors: detectorsTable() }, 'deploy/README.md': deploySections() };
}

function deploySections(): Record<string, string> {
  return {
    'detector-settings': markdownTable(
      ['detector', 'setting', 'default', 'limits', 'what'],
      detectorSettings().map((setting) => [
        `\`${setting.detector}\``,
        `\`${setting.name}\``,
        setting.default,
        setting.limits,
        setting.help,
      ]),
    ),
    'settings:run': settingsTable(runOwnOptions),
    'settings:capture': settingsTable(captureOptions),
    'settings:process': settingsTable(processOptions),
    'settings:hunt': settingsTable({ ...huntOwnOptions, ...huntDetectionOptions }),
    'settings:sink': settingsTable({ ...sinkOptions, ...retentionServiceOptions }),
    'settings:deliveries': ALERT_OUTPUTS.map(
      (output) => `\`nta sink ${output.name}\`: ${output.summary}\n\n${settingsTable(outputOptions(output))}`,
    ).join('\n\n'),
    'settings:api': settingsTable(apiOptions),
    'settings:topics': settingsTable(topicOptions),
    'settings:shared': settingsTable({
      ...kafkaOptions,
      ...postgresOptions,
      ...logOptions,
      ...metricsOptions,
      ...setupWaitOptions,
    }),
    topics: topicsTable(),
    metrics: metricsTable(everyMetric()),
  };
}

function detectorsTable(): string {
  return markdownTable(
    ['rule', 'finds', 'threshold', 'window', 'severity', 'ATT&CK'],
    builtInDetectors.map(({ id, summary, threshold, windowSeconds, severity, techniques }) => [
      `\`${id}\``,
      summary,
      String(threshold.default),
      `${windowSeconds.default} s`,
      `${severity}, ${SEVERITY_NAMES[severity]}`,
      techniques.map((technique) => technique.id).join(', '),
    ]),
  );
}

/** All metrics that the parts register; making a part touches nothing but its registry. */
export function everyMetric(): Registry {
  const registry = new Registry();
  const log = createLog({ level: 'silent', file: '', part: 'reference' });
  const settings = <T extends OptionTable>(table: T, given: object = {}): Settings<T> =>
    ({ ...readSettings(table, {}, {}), ...given }) as Settings<T>;
  const kafka = settings(kafkaOptions, { kafkaBrokers: ['127.0.0.1:9092'] });
  const postgres = settings(postgresOptions);
  createCapture({ ...settings(captureOptions, { interface: ['eth0'] }), ...kafka }, log, registry);
  createProcessor({ ...settings(processOptions), ...kafka }, log, registry);
  new HuntMetrics(registry);
  createPostgresSink({ ...settings(sinkOptions), ...kafka, ...postgres }, log, registry);
  // Deliveries have the same metrics, whichever output they are of.
  createDeliverySink(ALERT_OUTPUTS[0]!, kafka, log, registry);
  createApi({ ...settings(apiOptions), ...postgres }, log, registry, kafka);
  return registry;
}
