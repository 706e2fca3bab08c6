import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../../../runtime/process/options.js';
import { deliverySettings, outputOptions } from '../../../../sinks/deliveries/delivery-options.js';
import { readEndpoint, type WebhookSettings } from '../../../../sinks/deliveries/webhook/options.js';
import { webhook } from '../../../../sinks/deliveries/webhook/webhook.js';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const folder = mkdtempSync(join(tmpdir(), 'nta-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(environment: Record<string, string>) {
  const warnings: string[] = [];
  const settings = readSettings(outputOptions(webhook), {}, environment, (notice) => warnings.push(notice));
  deliverySettings(webhook, settings);
  return { endpoint: readEndpoint(settings as WebhookSettings, (message) => warnings.push(message)), warnings };
}

describe('readEndpoint', () => {
  it.each(['https://soar.example/hook?x=1', 'http://127.0.0.1:8080/', 'http://localhost/', 'http://[::1]:9/a'])(
    'takes %s',
    (url) => {
      const { endpoint, warnings } = read({ NTA_WEBHOOK_URL: url, NTA_WEBHOOK_SECRET: SECRET });
      expect(endpoint.url.href).toBe(url);
      expect(endpoint.keys.length).toBe(1);
      expect(warnings).toEqual([]);
    },
  );

  it.each([
    ['no address', {}, 'no webhook: give --webhook-url'],
    ['http to another machine', { NTA_WEBHOOK_URL: 'http://192.0.2.1/hook' }, 'say --webhook-insecure'],
    ['http to a name', { NTA_WEBHOOK_URL: 'http://127.0.0.1.example/' }, 'say --webhook-insecure'],
    ['another scheme', { NTA_WEBHOOK_URL: 'ftp://example/' }, 'must be an https:// address'],
    ['no address at all', { NTA_WEBHOOK_URL: 'https://[::1' }, 'no valid address'],
    ['an unknown event', { NTA_WEBHOOK_URL: 'https://a.example', NTA_WEBHOOK_EVENTS: 'open,gone' }, '"gone"'],
    ['a severity of six', { NTA_WEBHOOK_URL: 'https://a.example', NTA_WEBHOOK_MIN_SEVERITY: '6' }, 'from 1 to 5'],
    ['a short secret', { NTA_WEBHOOK_URL: 'https://a.example', NTA_WEBHOOK_SECRET: 'hush-hush' }, 'openssl rand'],
    ['a missing file', { NTA_WEBHOOK_URL: 'https://a.example', NTA_WEBHOOK_SECRET_FILE: '/no/such' }, '/no/such'],
    ['a missing authority', { NTA_WEBHOOK_URL: 'https://a.example', NTA_WEBHOOK_SSL_CA: '/no/such' }, '/no/such'],
  ])('refuses %s, and tells no secret', (_what, environment: Record<string, string>, words) => {
    expect(() => read(environment)).toThrow(words);
    try {
      read(environment);
    } catch (error) {
      expect(String(error)).not.toMatch(/hush-hush|\/hook/);
    }
  });

  it('warns of what is allowed but unwise', () => {
    const { warnings } = read({ NTA_WEBHOOK_URL: 'http://192.0.2.1/hook', NTA_WEBHOOK_INSECURE: 'true' });
    expect(warnings).toEqual([expect.stringContaining('not signed'), expect.stringContaining('in the clear')]);
    expect(warnings.join()).not.toContain('/hook');
  });

  it('reads one secret or two from a file, and says when others can read it too', () => {
    const file = join(folder, 'secret');
    writeFileSync(file, `${SECRET}\nwhsec_${Buffer.alloc(24, 6).toString('base64')}\n`, { mode: 0o600 });
    const environment = { NTA_WEBHOOK_URL: 'https://a.example', NTA_WEBHOOK_SECRET_FILE: file };
    expect(read(environment).endpoint.keys.map(({ length }) => length)).toEqual([32, 24]);
    expect(read(environment).warnings).toEqual([]);
    chmodSync(file, 0o644);
    expect(read(environment).warnings).toEqual([expect.stringContaining('chmod 600')]);
    writeFileSync(file, '\n');
    expect(() => read(environment)).toThrow('is empty');
  });
});
