import { userInfo } from 'node:os';
import type pg from 'pg';
import { ROLES } from '../../../api/http/identity.js';
import { createToken, listTokens, revokeToken, type TokenRow } from '../../../api/tokens/token-store.js';
import { type PostgresSettings, postgresOptions, withPostgres } from '../../../runtime/postgres/client.js';
import { Failure } from '../../../runtime/process/failure.js';
import { type Command, defineOptions, type Settings } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { dataDirOption, withLocalPostgres } from '../local-postgres.js';

const tokenOptions = defineOptions({
  name: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<name>',
    help: 'whose it is, as the history of alerts and the audit log have it',
  },
  role: {
    kind: 'string',
    env: null,
    default: 'reader',
    choices: ROLES,
    help: 'reader: every read but the audit log; analyst: decisions about alerts too; admin: the audit log too',
  },
  expires: {
    kind: 'duration',
    env: null,
    default: 0,
    minimum: 0,
    maximum: 3_650 * 86_400_000,
    help: 'time from now after which it is refused; 0 for never',
  },
  json: { kind: 'boolean', env: null, default: false, help: 'print JSON' },
});

const ACTIONS = ['create', 'list', 'revoke'] as const;

/** `nta token`: tokens of people and programs for the API. */
export function tokenCommand(): Command {
  return defineCommand({
    name: 'token',
    arguments: '<create|list|revoke>',
    description: [
      'Examples:',
      '  nta token create --name ada --role analyst --expires 90d',
      '  nta token list',
      '  nta token revoke --name ada',
    ].join('\n'),
    options: { ...tokenOptions, ...postgresOptions, ...dataDirOption },
    run: async ({ settings, arguments: [given] }) => {
      const action = ACTIONS.find((known) => known === given);
      if (action === undefined) {
        throw new Failure('CONFIGURATION', `token "${given}": there is no such action; use ${ACTIONS.join(', ')}`);
      }
      if (action !== 'list' && settings.name === '') {
        throw new Failure('CONFIGURATION', `--name: say whose token to ${action}, such as --name ada`);
      }
      await withDatabase(withLocalPostgres(settings), (client) => run(client, action, settings));
      return 0;
    },
  });
}

type TokenSettings = Settings<typeof tokenOptions>;

async function run(client: pg.Client, action: (typeof ACTIONS)[number], settings: TokenSettings): Promise<void> {
  const { name, role, expires, json } = settings;
  const by = `cli:${userInfo().username}`;
  if (action === 'list') {
    const tokens = await listTokens(client);
    process.stdout.write(json ? `${JSON.stringify(tokens)}\n` : tokens.map(line).join(''));
  } else if (action === 'revoke') {
    await revokeToken(client, name, by);
    process.stdout.write(json ? `${JSON.stringify({ name, revoked: true })}\n` : `the token of ${name} is revoked\n`);
  } else {
    const token = await createToken(client, name, role, expires === 0 ? null : expires, by);
    process.stdout.write(json ? `${JSON.stringify({ name, role, token })}\n` : `${token}\n`);
    process.stderr.write(`the token of ${name}, ${role}; it is shown once and stored nowhere\n`);
  }
}

function line({
  name,
  role,
  created_at: created,
  expires_at: expires,
  revoked_at: revoked,
  last_used_at: used,
}: TokenRow): string {
  const day = (time: Date): string => time.toISOString().slice(0, 10);
  const state =
    revoked !== null
      ? `revoked ${day(revoked)}`
      : expires === null
        ? 'in force'
        : `${expires.getTime() > Date.now() ? 'in force until' : 'expired'} ${day(expires)}`;
  const use = used === null ? 'never used' : `used ${used.toISOString().slice(0, 16)}Z`;
  return `${name.padEnd(24)} ${role.padEnd(8)} made ${day(created)}  ${state}, ${use}\n`;
}

async function withDatabase(settings: PostgresSettings, work: (client: pg.Client) => Promise<void>): Promise<void> {
  await withPostgres(settings, 'nta-token', (client) =>
    work(client).catch((error: unknown) => {
      throw describeQueryError(error, settings);
    }),
  );
}

const UNDEFINED_TABLE = '42P01';
const INSUFFICIENT_PRIVILEGE = '42501';

function describeQueryError(error: unknown, { dbName, dbUser }: PostgresSettings): unknown {
  const { code } = error as { code?: string };
  if (code === UNDEFINED_TABLE) {
    return new Failure('SCHEMA_OUTDATED', `database "${dbName}" has no tokens; run nta setup`, { cause: error });
  }
  if (code === INSUFFICIENT_PRIVILEGE) {
    return new Failure(
      'DATABASE_PERMISSION',
      `user "${dbUser}" may not make tokens; use the owner of the tables, who ran nta setup`,
      { cause: error },
    );
  }
  return error;
}
