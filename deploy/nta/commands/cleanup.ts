import { type Command, defineOptions } from '../../../runtime/options.js';
import { checkPostgres, postgresOptions } from '../../../runtime/postgres.js';
import { applyRetention, retentionOptions } from '../../../sinks/retention.js';
import { createRetention, retentionServiceOptions } from '../../../sinks/retention-service.js';
import { defineCommand } from '../command.js';
import { dataDirOption, withLocalPostgres } from '../local-postgres.js';
import { runPart } from '../part.js';

const cleanupOptions = defineOptions({
  dryRun: { kind: 'boolean', env: null, default: false, help: 'say what would go, and drop nothing' },
  everyInterval: { kind: 'boolean', env: null, default: false, help: 'go on, and do it every --cleanup-interval' },
});

export const cleanupServiceOptions = { ...retentionOptions, ...retentionServiceOptions, ...postgresOptions };

/** `nta cleanup`: applies retention now, or now and again. */
export function cleanupCommand(): Command {
  return defineCommand({
    name: 'cleanup',
    options: { ...cleanupServiceOptions, ...cleanupOptions, ...dataDirOption },
    run: async ({ settings: given, log }) => {
      const settings = withLocalPostgres(given);
      await checkPostgres(settings);
      if (settings.everyInterval) return runPart([createRetention(settings, log)], log);
      const result = await applyRetention(settings, { dryRun: settings.dryRun }, log);
      const verb = settings.dryRun ? 'would drop' : 'dropped';
      for (const item of result.dropped)
        process.stdout.write(`${verb} ${item.name}: ${item.range}, ${item.bytes} bytes\n`);
      if (result.dropped.length === 0) process.stdout.write('nothing is older than the retention\n');
      return 0;
    },
  });
}
