import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { KafkaSettings } from '../../../runtime/kafka/client.js';
import { kafkaSecurity } from '../../../runtime/kafka/kafka-security.js';
import { kafkaSettings } from '../../support/local-stack.js';
import { requireTool } from '../../support/requirement.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function security(changed: Partial<KafkaSettings>): ReturnType<typeof kafkaSecurity> {
  return kafkaSecurity({ ...kafkaSettings(['broker:9092'], ''), ...changed });
}

describe('settings that contradict each other are refused, by the flag or variable at fault', () => {
  it.for<[Partial<KafkaSettings>, RegExp]>([
    [{ kafkaSslCa: 'ca.pem' }, /^--kafka-ssl-ca .*KAFKA_SSL=true/],
    [{ kafkaSslCert: 'cert.pem', kafkaSslKey: 'key.pem' }, /^--kafka-ssl-cert .*KAFKA_SSL=true/],
    [{ kafkaSsl: true, kafkaSslCert: 'cert.pem' }, /^--kafka-ssl-cert is of no use without --kafka-ssl-key/],
    [{ kafkaSsl: true, kafkaSslKey: 'key.pem' }, /^--kafka-ssl-key is of no use without --kafka-ssl-cert/],
    [{ kafkaSaslUsername: 'nta' }, /^--kafka-sasl-username .*KAFKA_SASL_MECHANISM/],
    [{ kafkaSaslPassword: 'secret' }, /^KAFKA_SASL_PASSWORD .*KAFKA_SASL_MECHANISM/],
    [{ kafkaSaslMechanism: 'plain', kafkaSaslPassword: 'secret' }, /needs a user.*KAFKA_SASL_USERNAME/],
    [{ kafkaSaslMechanism: 'plain', kafkaSaslUsername: 'nta' }, /needs a password.*KAFKA_SASL_PASSWORD/],
  ])('%j', ([changed, message]) => {
    expect(() => security(changed)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringMatching(message) }),
    );
    expect(() => security(changed)).not.toThrow('secret');
  });
});

describe('files', () => {
  it('that cannot be used are named', (context) => {
    requireTool(context, 'openssl');
    const path = (name: string): string => join(folder, name);
    for (const name of ['one', 'other']) {
      execFileSync('openssl', [
        ...['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/CN=client'],
        ...['-keyout', path(`${name}-key.pem`), '-out', path(`${name}.pem`)],
      ]);
    }
    execFileSync('openssl', [
      'pkcs8',
      '-topk8',
      '-in',
      path('one-key.pem'),
      '-out',
      path('locked.pem'),
      '-passout',
      'pass:s3cret',
    ]);
    writeFileSync(path('notes.txt'), 'not a certificate');
    const tls = (files: Partial<KafkaSettings>) => security({ kafkaSsl: true, ...files });
    expect(() => tls({ kafkaSslCa: path('notes.txt') })).toThrow(/^--kafka-ssl-ca: .*notes\.txt holds no certificate/);
    expect(() => tls({ kafkaSslCa: path('missing.pem') })).toThrow(/^--kafka-ssl-ca: cannot read .*missing\.pem/);
    const withKey = (key: string) => tls({ kafkaSslCert: path('one.pem'), kafkaSslKey: path(key) });
    for (const key of ['other-key.pem', 'locked.pem', 'notes.txt']) {
      expect(() => withKey(key)).toThrow(new RegExp(`^--kafka-ssl-key: .*${key} does not serve with .*one\\.pem`));
    }
    expect(withKey('one-key.pem').ssl).toMatchObject({ cert: expect.any(String), key: expect.any(String) });
  });
});

describe('what kafkajs gets', () => {
  it('is nothing, TLS, a login or both', () => {
    const login = {
      kafkaSaslMechanism: 'scram-sha-256',
      kafkaSaslUsername: 'nta',
      kafkaSaslPassword: 'secret',
    } as const;
    const sasl = { mechanism: 'scram-sha-256', username: 'nta', password: 'secret' };
    expect(security({})).toEqual({});
    expect(security({ kafkaSsl: true })).toEqual({ ssl: {} });
    expect(security(login)).toEqual({ sasl });
    expect(security({ ...login, kafkaSsl: true })).toEqual({ ssl: {}, sasl });
  });
});
