import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../../runtime/process/options.js';
import { readSyslogEndpoint, type SyslogSettings, syslogOptions } from '../../../../sinks/deliveries/syslog/options.js';

function read(environment: Record<string, string>) {
  const warnings: string[] = [];
  const settings: SyslogSettings = readSettings(syslogOptions, {}, environment);
  return { endpoint: readSyslogEndpoint(settings, (message) => warnings.push(message)), warnings };
}

describe('readSyslogEndpoint', () => {
  it.each([
    ['tls://siem.example', { transport: 'tls', host: 'siem.example', port: 6514 }],
    ['tcp://127.0.0.1:1514', { transport: 'tcp', host: '127.0.0.1', port: 1514 }],
    ['tcp://[::1]', { transport: 'tcp', host: '::1', port: 601 }],
    ['TLS://[2001:db8::1]:7', { transport: 'tls', host: '2001:db8::1', port: 7 }],
  ])('takes %s', (address, expected) => {
    const { endpoint, warnings } = read({ NTA_SYSLOG_ADDRESS: address });
    expect(endpoint).toMatchObject({ ...expected, format: 'ecs', facility: 'local0', octetCounting: true });
    expect(warnings).toEqual([]);
  });

  it('says what is unwise', () => {
    expect(read({ NTA_SYSLOG_ADDRESS: 'udp://192.0.2.1' }).warnings).toEqual([
      expect.stringContaining('may lose alerts'),
      expect.stringContaining('in the clear'),
    ]);
  });

  it.each([
    ['no address', {}, 'give --syslog-address'],
    ['another scheme', { NTA_SYSLOG_ADDRESS: 'http://siem.example' }, 'udp://host:514'],
    ['a port that is none', { NTA_SYSLOG_ADDRESS: 'tcp://siem.example:99999' }, 'no port 99999'],
    ['certificates without TLS', { NTA_SYSLOG_ADDRESS: 'tcp://a', NTA_SYSLOG_SSL_CA: '/ca.pem' }, 'has no TLS'],
    ['a certificate without key', { NTA_SYSLOG_ADDRESS: 'tls://a', NTA_SYSLOG_SSL_CERT: '/c.pem' }, 'both or neither'],
    ['a missing authority', { NTA_SYSLOG_ADDRESS: 'tls://a', NTA_SYSLOG_SSL_CA: '/no/such' }, '/no/such'],
    ['another format', { NTA_SYSLOG_ADDRESS: 'tcp://a', NTA_SYSLOG_FORMAT: 'leef' }, 'ecs'],
  ])('refuses %s', (_, environment: Record<string, string>, words) => {
    expect(() => read(environment)).toThrow(words);
  });
});
