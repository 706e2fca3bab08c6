import { huntDetectionOptions, huntOwnOptions } from '../../../processors/hunt/hunt-options.js';
import { createHuntService, hunterOptions, huntOnce } from '../../../processors/hunt/hunt-service.js';
import { checkKafka, kafkaOptions } from '../../../runtime/kafka/client.js';
import { checkPostgres, postgresOptions } from '../../../runtime/postgres/client.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import type { Command } from '../../../runtime/process/options.js';
import { formatAlertTable, latestEvents } from '../alert-table.js';
import { defineCommand } from '../command.js';
import { chosenFormat, textOrJson } from '../output-format.js';
import { runPart, tellSupervisor } from '../part.js';
import { SetupWait, setupWaitOptions, tablesAreThere, topicsAreThere } from '../setup-wait.js';

export const huntCommandOptions = {
  ...huntOwnOptions,
  ...huntDetectionOptions,
  ...kafkaOptions,
  ...postgresOptions,
  ...metricsOptions,
  ...setupWaitOptions,
};

/** What a hunt of `nta run --once` tells of itself. */
export interface HuntReport {
  /** Alert events that it published. */
  readonly published: number;
}

/** `nta hunt`: slow memory over stored conversations, once or again and again. */
export function huntCommand(): Command {
  return defineCommand({
    name: 'hunt',
    description: [
      'Reads what sinks have stored, finds what takes hours to show (beacons, new hosts and services, long connections, exfiltration,',
      'lateral movement), and publishes alerts to Kafka: each once, with the same id however often it runs.',
      '',
      'Examples:',
      '  nta hunt                    the last 24 hours, and all replays, once',
      '  nta hunt --every 10m        go on',
    ].join('\n'),
    options: { ...huntCommandOptions, ...textOrJson('of the alerts that a single hunt published') },
    run: async ({ settings: given, log, output }) => {
      const format = chosenFormat(given, 'text');
      const settings = { ...given, every: given.once ? 0 : given.every };
      const registry = createRegistry();
      const wait = new SetupWait(
        settings,
        [topicsAreThere(settings, ['alerts', 'rules'], log), tablesAreThere(settings)],
        log,
      );
      if (settings.every > 0) {
        const server = new MetricsServer(registry, settings, () => wait.readiness());
        return runPart([server, wait, createHuntService(settings, log, registry)], log);
      }
      await wait.start();
      await checkKafka(settings, log);
      await checkPostgres(settings);
      tellSupervisor({ type: 'ready' });
      const { events, busy } = await huntOnce(hunterOptions(settings, log, registry));
      const report: HuntReport = { published: events.length };
      tellSupervisor({ type: 'result', result: report });
      if (process.connected) return 0; // the run prints all alerts together
      if (busy) process.stderr.write('nta: another hunt is at work, so this one did nothing\n');
      else if (format === 'json') for (const event of events) await output.write(`${JSON.stringify(event)}\n`);
      else await output.write(`${await formatAlertTable(latestEvents(events))}\n`);
      return 0;
    },
  });
}
