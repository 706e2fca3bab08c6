import { checkKafka, createKafka, kafkaOptions } from '../../../runtime/kafka/client.js';
import { ensureTopics, topicOptions } from '../../../runtime/kafka/topic-setup.js';
import { checkPostgres, postgresOptions } from '../../../runtime/postgres/client.js';
import { Failure } from '../../../runtime/process/failure.js';
import type { Logger } from '../../../runtime/process/log.js';
import { type Command, defineOptions, type Settings } from '../../../runtime/process/options.js';
import type { StandardOutput } from '../../../runtime/process/standard-output.js';
import { migrate, migrationSql } from '../../../sinks/migrations/migration.js';
import { defineCommand } from '../command.js';
import { SetupWait, setupWaitOptions } from '../setup-wait.js';

const setupOwnOptions = defineOptions({
  requireRoles: {
    kind: 'boolean',
    env: 'NTA_REQUIRE_ROLES',
    default: true,
    help: 'fail when the roles nta_writer, nta_reader and nta_hunter could not be made, after everything else is done',
  },
  print: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'print the SQL of the tables instead of running it, and exit',
  },
});

export const setupCommandOptions = {
  ...kafkaOptions,
  ...topicOptions,
  ...postgresOptions,
  ...setupWaitOptions,
  ...setupOwnOptions,
};
type SetupSettings = Settings<typeof setupCommandOptions>;

/** `nta setup`: topics and tables; changes nothing that exists but by migrations, so it may run again at any time. */
export function setupCommand(): Command {
  return defineCommand({
    name: 'setup',
    description: 'Topics need --kafka-brokers, tables need --db-host; what is not named is left out.',
    options: setupCommandOptions,
    run: async ({ settings, log, output }) => {
      if (settings.print) {
        await output.write(migrationSql());
        return 0;
      }
      if (settings.kafkaBrokers.length === 0 && settings.dbHost === '') {
        throw new Failure(
          'CONFIGURATION',
          'nothing to set up: give --kafka-brokers for topics, --db-host for tables, or both',
        );
      }
      await awaitServers(settings, log);
      if (settings.kafkaBrokers.length > 0) await setUpTopics(settings, log, output);
      if (settings.dbHost !== '') await setUpTables(settings, log, output);
      return 0;
    },
  });
}

async function awaitServers(settings: SetupSettings, log: Logger): Promise<void> {
  const answers = (check: () => Promise<void>) => () => check().then(() => null);
  const servers = [
    ...(settings.kafkaBrokers.length > 0 ? [answers(() => checkKafka(settings, log))] : []),
    ...(settings.dbHost === '' ? [] : [answers(() => checkPostgres(settings))]),
  ];
  await new SetupWait(settings, servers, log).start();
}

async function setUpTopics(settings: SetupSettings, log: Logger, output: StandardOutput): Promise<void> {
  await checkKafka(settings, log);
  const { created, existing, grown, note } = await ensureTopics(createKafka(settings, 'nta-setup', log), settings);
  const before = new Map(grown.map((growth) => [growth.name, growth]));
  for (const name of created) await output.write(`topic ${name}: created\n`);
  for (const name of existing) {
    const growth = before.get(name);
    const state = growth === undefined ? 'left as it is' : `${growth.before} partitions, now ${growth.after}`;
    await output.write(`topic ${name}: exists, ${state}\n`);
  }
  if (note !== null) process.stderr.write(`nta: ${note}\n`);
}

/** @throws Failure `MIGRATION_ROLES` where parts could only run as the owner of the tables: less safe than was asked for. */
async function setUpTables(settings: SetupSettings, log: Logger, output: StandardOutput): Promise<void> {
  await checkPostgres(settings);
  const { applied, warnings } = await migrate(settings, log);
  for (const name of applied) await output.write(`migration ${name}: applied\n`);
  if (applied.length === 0) await output.write('tables: up to date\n');
  if (warnings.length === 0) return;
  if (settings.requireRoles) {
    throw new Failure(
      'MIGRATION_ROLES',
      `the tables are up to date, but ${warnings.join('; ')}; --no-require-roles leaves it at that, for a fleet that runs as the owner of the tables`,
    );
  }
  for (const warning of warnings) process.stderr.write(`nta: ${warning}\n`);
}
