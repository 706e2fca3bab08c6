/** Tokens of people and programs: made, listed and revoked by `nta token`. What is stored of one is its digest. */
import { randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { digestOf } from '../../runtime/process/bearer-token.js';
import { Failure } from '../../runtime/process/failure.js';
import type { Role } from '../http/identity.js';

/** What a token looks like: a word that scanners of repositories find, and 32 random bytes. */
export const TOKEN_FORM = /^nta_[\w-]{43}$/;
export const NAME_FORM = /^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,63}$/u;

export interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly created_at: Date;
  readonly created_by: string;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
}

const UNIQUE_VIOLATION = '23505';

/**
 * @param expiresInMs null for a token that does not expire.
 * @returns the token, which nobody can read again.
 * @throws Failure `TOKEN_NAME` for a name that is taken, or none.
 */
export async function createToken(
  client: pg.ClientBase,
  name: string,
  role: Role,
  expiresInMs: number | null,
  by: string,
): Promise<string> {
  if (!NAME_FORM.test(name) || name === 'api' || name === 'local') {
    throw new Failure(
      'TOKEN_NAME',
      `--name "${name}": a token’s name has 1 to 64 letters, digits, spaces and ._@+-, begins with a letter or digit, and is not "api" or "local", which the server’s own go by`,
    );
  }
  const token = `nta_${randomBytes(32).toString('base64url')}`;
  try {
    await client.query(
      `INSERT INTO api_tokens (id, name, role, digest, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 millisecond')`,
      [randomUUID(), name, role, digestOf(token), by, expiresInMs],
    );
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
    throw new Failure(
      'TOKEN_NAME',
      `--name "${name}": there is or was a token of that name, which the audit log knows it by; choose another`,
      { cause: error },
    );
  }
  await recordCommand(client, by, `token create ${name} ${role}`);
  return token;
}

export async function listTokens(client: pg.ClientBase): Promise<TokenRow[]> {
  const { rows } = await client.query<TokenRow>(
    'SELECT id, name, role, created_at, created_by, expires_at, revoked_at, last_used_at FROM api_tokens ORDER BY created_at, name',
  );
  return rows;
}

/** @throws Failure `TOKEN_NAME` when there is no token of that name in force. */
export async function revokeToken(client: pg.ClientBase, name: string, by: string): Promise<void> {
  const { rowCount } = await client.query(
    'UPDATE api_tokens SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL',
    [name],
  );
  if (rowCount === 0) {
    throw new Failure('TOKEN_NAME', `--name "${name}": no token of that name is in force; nta token list shows all`);
  }
  await recordCommand(client, by, `token revoke ${name}`);
}

async function recordCommand(client: pg.ClientBase, actor: string, command: string): Promise<void> {
  await client.query(
    `INSERT INTO audit_log (actor, role, address, method, path, status, request_id) VALUES ($1, 'admin', '', 'CLI', $2, 0, '')`,
    [actor, command],
  );
}
