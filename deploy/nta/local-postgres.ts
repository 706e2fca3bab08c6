/** How commands that need only Postgres find the one that `nta run` keeps under `--data-dir`. */
import { join, resolve } from 'node:path';
import type { PostgresSettings } from '../../runtime/postgres/client.js';
import { Failure } from '../../runtime/process/failure.js';
import { defineOptions } from '../../runtime/process/options.js';
import { localPostgresConnection } from '../local-stack/postgres-server.js';

export const dataDirOption = defineOptions({
  dataDir: {
    kind: 'string',
    env: 'NTA_DATA_DIR',
    default: '.nta',
    placeholder: '<folder>',
    help: 'where the local Kafka and Postgres keep their data',
  },
});

/**
 * The settings as they are when they name a server, else with those of the local one.
 *
 * @throws Failure `CONFIGURATION` when there is neither.
 */
export function withLocalPostgres<T extends PostgresSettings & { readonly dataDir: string }>(settings: T): T {
  if (settings.dbHost !== '') return settings;
  const local = localPostgresConnection(resolve(settings.dataDir));
  if (local === undefined) {
    throw new Failure(
      'CONFIGURATION',
      `no database: give --db-host, or --data-dir of an \`nta run\` (${join(settings.dataDir, 'postgres.json')} is not there)`,
    );
  }
  const { host, port, user, password, database } = local;
  return { ...settings, dbHost: host, dbPort: port, dbUser: user, dbPassword: password, dbName: database };
}
