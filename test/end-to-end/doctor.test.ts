/** `nta doctor` as a user and as a script read it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import type { Finding } from '../../deploy/nta/examination.js';
import { createTestDatabase, stackEnvironment } from '../support/local-stack.js';
import { runNta, startNta } from '../support/nta-command.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));

const examine = async (
  ...args: readonly string[]
): Promise<{ code: number | null; findings: Finding[]; text: string }> => {
  const { code, stdout } = await runNta(['doctor', '--json', ...args]);
  return { code, findings: JSON.parse(stdout) as Finding[], text: stdout };
};

it('prints plain text, and what is well needs nothing', async () => {
  const { findings, text } = await examine(`--data-dir=${join(folder, 'data')}`, '--api-port=0');
  expect(text).not.toContain('\\u001b');
  expect(findings.map(({ name }) => name)).toEqual(expect.arrayContaining(['Java', 'Maven', 'data directory', 'disk']));
  for (const { ok, remedy } of findings) if (ok) expect(remedy).toBe('');
});

it('says that the data directory cannot be written, and advises one that can', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const dataDir of [join(file, 'below'), '/proc/nta']) {
    const { code, findings } = await examine(`--data-dir=${dataDir}`, '--api-port=0');
    expect(code).toBe(1);
    expect(findings.find(({ name }) => name === 'data directory')).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('/var/tmp/nta'),
    });
  }
});

describe('the port of the dashboard', () => {
  it('is missing when another program has it', async () => {
    const other = createServer((socket) => socket.end('not http\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { findings } = await examine(`--api-port=${(other.address() as AddressInfo).port}`);
    other.close();
    expect(findings.find(({ name }) => name === 'dashboard port')).toMatchObject({ ok: false });
  });

  it.each(['', 'with TLS'])('is well when an nta has it already %s', async (tls) => {
    const database = await createTestDatabase();
    const env = stackEnvironment(undefined, database);
    expect((await runNta(['setup', '--no-require-roles'], { env })).code).toBe(0);
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const api = startNta(['api', `--api-port=${port}`, ...(tls === '' ? [] : certificate())], { env });
    await api.printed(new RegExp(`:${port}`));
    const { findings } = await examine(`--api-port=${port}`);
    await api.interrupt();
    await database.remove();
    expect(findings.find(({ name }) => name === 'dashboard port')).toMatchObject({ ok: true });
  });
});

/** A certificate of its own making, for a name that it is not asked by. */
function certificate(): string[] {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', [...request, '-subj', '/CN=nta.example', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return [`--api-tls-cert=${cert}`, `--api-tls-key=${key}`];
}

describe('JSON is spelled one way', () => {
  it.each([
    ['doctor', ['--api-port=0']],
    ['interfaces', []],
    ['decode', ['--summary', DEMONSTRATION]],
    ['analyze', [DEMONSTRATION]],
  ])('nta %s', async (name, args) => {
    const [short, long] = await Promise.all(
      [['--json'], ['--format=json']].map((flags) => runNta([name, ...args, ...flags])),
    );
    expect(short!.code).toBe(long!.code);
    for (const { stdout } of [short!, long!])
      JSON.parse(name === 'analyze' ? `[${stdout.trim().split('\n').join(',')}]` : stdout);
  });
});
