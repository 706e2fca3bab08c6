/** Files that settings name and that change while the process runs: certificates that are renewed. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { kafkaSecurity } from '../../../runtime/kafka/kafka-security.js';
import { postgresConfig } from '../../../runtime/postgres/client.js';
import { readSecretFile } from '../../../runtime/process/setting-file.js';
import { kafkaSettings, postgresSettings } from '../../support/local-stack.js';
import { requireTool } from '../../support/requirement.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-renewed-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

function makeCertificate(name: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', `/CN=${name}`],
      ...['-keyout', path(`${name}.key`), '-out', path(`${name}.crt`)],
    ],
    { stdio: 'ignore' },
  );
}

it('a secret that others can read is told of, one of root that a group can read is not', (context) => {
  if (process.getuid?.() !== 0) context.skip('needs root, to give files to others');
  writeFileSync(path('secret'), 'abc\n');
  const warnings = (mode: number, owner: number, reader: number): number => {
    chmodSync(path('secret'), mode);
    chownSync(path('secret'), owner, owner);
    vi.spyOn(process, 'getuid').mockReturnValue(reader);
    const warn = vi.fn();
    expect(readSecretFile('--api-token-file', path('secret'), 'the token', warn)).toBe('abc');
    vi.restoreAllMocks();
    return warn.mock.calls.length;
  };
  expect(warnings(0o600, 1000, 1000)).toBe(0);
  expect(warnings(0o640, 1000, 1000)).toBe(1);
  expect(warnings(0o440, 0, 1000)).toBe(0);
  expect(warnings(0o444, 0, 1000)).toBe(1);
  expect(warnings(0o640, 0, 0)).toBe(1);
});

it('a renewed certificate is what the next connection shows and trusts, and half a file changes nothing', (context) => {
  requireTool(context, 'openssl');
  for (const name of ['first', 'second']) makeCertificate(name);
  const use = (name: string): void => {
    copyFileSync(path(`${name}.key`), path('user.key'));
    copyFileSync(path(`${name}.crt`), path('user.crt'));
  };
  use('first');
  const { ssl } = kafkaSecurity({
    ...kafkaSettings(['broker:9092'], ''),
    kafkaSaslMechanism: 'none',
    kafkaSaslUsername: '',
    kafkaSaslPassword: '',
    kafkaSsl: true,
    kafkaSslCa: path('user.crt'),
    kafkaSslCert: path('user.crt'),
    kafkaSslKey: path('user.key'),
  });
  const server = { host: 'db', port: 5432, database: 'nta', user: 'nta', password: '' };
  const postgres = postgresConfig(
    { ...postgresSettings(server as never), dbSslmode: 'verify-full', dbSslCa: path('user.crt') },
    'test',
  );
  // What kafkajs and pg do with it at each connection.
  const shown = () => ({ kafka: Object.assign({}, ssl), postgres: Object.assign({}, postgres.ssl) });
  const expected = (name: string) => {
    const [crt, key] = [path(`${name}.crt`), path(`${name}.key`)].map((file) => readFileSync(file, 'utf8'));
    return { kafka: { ca: crt, cert: crt, key }, postgres: { rejectUnauthorized: true, ca: crt } };
  };
  expect(shown()).toEqual(expected('first'));
  use('second');
  expect(shown()).toEqual(expected('second'));
  writeFileSync(path('user.crt'), '');
  expect(shown()).toEqual(expected('second'));
});
