import { checkPostgres, postgresOptions } from '../../../runtime/postgres/client.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import { applyRetention, retentionOptions } from '../../../sinks/retention/retention.js';
import { createRetention, retentionServiceOptions } from '../../../sinks/retention/retention-service.js';
import { defineCommand } from '../command.js';
import { dataDirOption, withLocalPostgres } from '../local-postgres.js';
import { runPart } from '../part.js';

const cleanupOptions = defineOptions({
  retentionDays: {
    kind: 'integer',
    env: null,
    default: 0,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    defaultText: '--data-retention-days',
    help: 'age at which packets are dropped, whatever is configured',
  },
  dryRun: { kind: 'boolean', env: null, default: false, help: 'say what would go, and drop nothing' },
  everyInterval: { kind: 'boolean', env: null, default: false, help: 'go on, and do it every --cleanup-interval' },
});

export const cleanupServiceOptions = {
  ...retentionOptions,
  ...retentionServiceOptions,
  ...postgresOptions,
  ...metricsOptions,
};

/** `nta cleanup`: applies retention now, or now and again. */
export function cleanupCommand(): Command {
  return defineCommand({
    name: 'cleanup',
    options: { ...cleanupServiceOptions, ...cleanupOptions, ...dataDirOption },
    run: async ({ settings: given, log, output }) => {
      const configured = withLocalPostgres(given);
      const dataRetentionDays = configured.retentionDays || configured.dataRetentionDays;
      const settings = { ...configured, dataRetentionDays };
      await checkPostgres(settings);
      if (settings.everyInterval) {
        return runPart([new MetricsServer(createRegistry(), settings), createRetention(settings, log)], log);
      }
      const result = await applyRetention(settings, { dryRun: settings.dryRun }, log);
      for (const { name, range, bytes, seconds } of result.dropped) {
        const what = `${name}: ${range}, ${bytes} bytes`;
        await output.write(settings.dryRun ? `would drop ${what}\n` : `dropped ${what}, in ${seconds} s\n`);
      }
      if (result.dropped.length === 0) await output.write('nothing is older than the retention\n');
      return 0;
    },
  });
}
