/** The API over TLS: what it refuses to start with, and a certificate that is renewed while it runs. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createApi } from '../../../api/server.js';
import { createRegistry } from '../../../runtime/process/metrics.js';
import { testLog } from '../../support/local-stack.js';
import { findTool, requireTool } from '../../support/requirement.js';
import { type ApiFixture, createApiFixture } from '../api-fixture.js';
import { apiSettings } from '../api-settings.js';

let api: ApiFixture;
let folder: string;
const file = (name: string): string => join(folder, name);

/** A key and a certificate of its own. */
function makeCertificate(name: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
    ],
    { stdio: 'ignore' },
  );
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nta-tls-'));
  api = await createApiFixture();
  if (findTool('openssl') === undefined) return;
  for (const name of ['first', 'second']) makeCertificate(name);
  writeFileSync(file('none'), 'nothing of the kind');
});
beforeEach((context) => requireTool(context, 'openssl'));
afterAll(async () => {
  await api?.remove();
  rmSync(folder, { recursive: true });
});

const serviceWith = (cert: string, key: string) =>
  createApi(
    {
      ...api.database.settings,
      ...apiSettings({ apiTlsCert: cert && file(cert), apiTlsKey: key && file(key) }),
    },
    testLog().child({}, { level: 'fatal' }),
    createRegistry(),
  );

/** The status of the answer, and whose certificate it came with. */
function ask(url: string): Promise<{ status: number; name: string }> {
  return new Promise((resolve, reject) => {
    const asked = get(`${url}/api/health`, { rejectUnauthorized: false, agent: false }, (response) => {
      const certificate = (response.socket as TLSSocket).getPeerCertificate();
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode!, name: String(certificate.subject.CN) }));
    });
    asked.on('error', reject);
  });
}

test('a certificate that is renewed is shown from the next connection on, a broken one never', async () => {
  copyFileSync(file('first.crt'), file('live.crt'));
  copyFileSync(file('first.key'), file('live.key'));
  const service = serviceWith('live.crt', 'live.key');
  await service.start();
  try {
    expect(service.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await ask(service.url)).toEqual({ status: 200, name: 'first' });
    await expect(fetch(service.url.replace('https:', 'http:'))).rejects.toThrow();
    copyFileSync(file('none'), file('live.crt'));
    copyFileSync(file('second.key'), file('live.key'));
    process.emit('SIGHUP', 'SIGHUP');
    expect((await ask(service.url)).name).toBe('first');
    copyFileSync(file('second.crt'), file('live.crt'));
    await expect.poll(async () => (await ask(service.url)).name, { timeout: 10_000 }).toBe('second');
  } finally {
    await service.stop();
  }
});

test.each([
  ['first.crt', '', '--api-tls-cert is given without --api-tls-key'],
  ['', 'first.key', '--api-tls-key is given without --api-tls-cert'],
  ['missing', 'first.key', '--api-tls-cert: cannot read'],
  ['none', 'first.key', 'holds no certificate'],
  ['first.crt', 'none', 'holds no private key that can be read'],
  ['first.crt', 'second.key', 'is not the key of the certificate'],
])('refuses %s with %s', async (cert, key, reason) => {
  const service = serviceWith(cert, key);
  await expect(service.start()).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining(reason),
  });
  await service.stop();
});
