import { checkKafka, createKafka, kafkaOptions } from '../../../runtime/kafka/client.js';
import { ensureTopics, topicOptions } from '../../../runtime/kafka/topic-setup.js';
import { checkPostgres, postgresOptions } from '../../../runtime/postgres/client.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import { migrate, migrationSql } from '../../../sinks/migrations/migration.js';
import { defineCommand } from '../command.js';

const printOption = defineOptions({
  print: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'print the SQL of the tables instead of running it, and exit',
  },
});

/** `nta setup`: topics and tables; changes nothing that exists but by migrations. */
export function setupCommand(): Command {
  return defineCommand({
    name: 'setup',
    description: 'Topics need --kafka-brokers, tables need --db-host; what is not named is left out.',
    options: { ...kafkaOptions, ...topicOptions, ...postgresOptions, ...printOption },
    run: async ({ settings, log, output }) => {
      if (settings.print) {
        await output.write(migrationSql());
        return 0;
      }
      if (settings.kafkaBrokers.length === 0 && settings.dbHost === '') {
        process.stderr.write(
          'nta: nothing to set up: give --kafka-brokers for topics, --db-host for tables, or both\n',
        );
        return 2;
      }
      if (settings.kafkaBrokers.length > 0) {
        await checkKafka(settings, log);
        const { created, existing } = await ensureTopics(createKafka(settings, 'nta-setup', log), settings);
        for (const name of created) await output.write(`topic ${name}: created\n`);
        for (const name of existing) await output.write(`topic ${name}: exists, left as it is\n`);
      }
      if (settings.dbHost !== '') {
        await checkPostgres(settings);
        const { applied, warnings } = await migrate(settings, log);
        for (const name of applied) await output.write(`migration ${name}: applied\n`);
        if (applied.length === 0) await output.write('tables: up to date\n');
        for (const warning of warnings) process.stderr.write(`nta: ${warning}\n`);
      }
      return 0;
    },
  });
}
