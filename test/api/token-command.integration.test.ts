/** `nta token` as its users run it: what it makes works against the API, and what it refuses says why. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runNta } from '../support/nta-command.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture({ apiOpenReads: false });
});
afterAll(() => api?.remove());

async function token(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { dbHost, dbPort, dbName, dbUser, dbPassword } = api.database.settings;
  const database = ['--db-host', dbHost, '--db-port', String(dbPort), '--db-name', dbName, '--db-user', dbUser];
  return runNta(['token', ...args, ...database], { env: { DB_PASSWORD: dbPassword } });
}

test('create, list, revoke', async () => {
  const made = await token('create', '--name', 'ada', '--role', 'analyst', '--expires', '90d');
  expect(made.code, made.stderr).toBe(0);
  // Nothing but the token is on standard output, for scripts.
  expect(made.stdout).toMatch(/^nta_[\w-]{43}\n$/);
  const session = await api.request('/api/session', { headers: { authorization: `Bearer ${made.stdout.trim()}` } });
  expect(await session.json()).toEqual({ name: 'ada', role: 'analyst', named: true });

  const listed = await token('list');
  expect(listed.stdout).toMatch(/^ada +analyst +made \d{4}-\d\d-\d\d {2}in force until \d{4}-\d\d-\d\d, /);
  expect(listed.stdout).not.toContain(made.stdout.trim());
  const again = await token('create', '--name', 'ada');
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('nta: --name "ada": there is or was a token of that name');

  expect(await token('revoke', '--name', 'ada')).toMatchObject({ code: 0, stdout: 'the token of ada is revoked\n' });
  expect(JSON.parse((await token('list', '--json')).stdout)).toEqual([
    expect.objectContaining({ name: 'ada', role: 'analyst', revoked_at: expect.any(String) }),
  ]);
});

test('refusals', async () => {
  for (const [args, reason] of [
    [['make'], 'token "make": there is no such action; use create, list, revoke'],
    [['create'], '--name: say whose token to create'],
    [['create', '--name', 'x', '--role', 'root'], '--role: "root" must be one of reader, analyst, admin'],
    [['revoke', '--name', 'nobody'], 'no token of that name is in force'],
  ] as const) {
    const { code, stderr } = await token(...args);
    expect(code, stderr).not.toBe(0);
    expect(stderr).toContain(reason);
  }
});
