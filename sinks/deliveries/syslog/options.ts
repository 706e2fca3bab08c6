/** Settings of the syslog output, and the receiver they name. */
import { hostname } from 'node:os';
import { isLoopbackHost } from '../../../runtime/process/loopback.js';
import { defineOptions, type Settings } from '../../../runtime/process/options.js';
import { readCertificates, readPemFile } from '../../../runtime/process/setting-file.js';
import { refusedSetting } from '../output.js';
import { FACILITIES, type Facility, type SyslogFormat } from './message.js';

export const syslogOptions = defineOptions({
  syslogAddress: {
    kind: 'string',
    env: 'NTA_SYSLOG_ADDRESS',
    default: '',
    placeholder: '<address>',
    pattern: {
      test: /^((udp|tcp|tls):\/\/(\[[\da-f.:]+\]|[^\s/:[\]]+)(:\d{1,5})?)?$/i,
      description: 'udp://host:514, tcp://host:601 or tls://host:6514',
    },
    help: 'where alerts are sent to: udp://, tcp:// or tls://, a host and a port (514, 601 or 6514 when it is left out)',
  },
  syslogFormat: {
    kind: 'string',
    env: 'NTA_SYSLOG_FORMAT',
    default: 'ecs',
    choices: ['ecs', 'cef'],
    help: 'the message: the alert as Elastic Common Schema JSON, or as Common Event Format',
  },
  syslogFacility: {
    kind: 'string',
    env: 'NTA_SYSLOG_FACILITY',
    default: 'local0',
    choices: Object.keys(FACILITIES) as Facility[],
    help: 'facility of the messages',
  },
  syslogFraming: {
    kind: 'string',
    env: 'NTA_SYSLOG_FRAMING',
    default: 'octet-counting',
    choices: ['octet-counting', 'newline'],
    help: 'how messages on tcp:// and tls:// are told apart (RFC 6587): by their length in front, or by a line end behind, for receivers that know no other',
  },
  syslogSslCa: {
    kind: 'string',
    env: 'NTA_SYSLOG_SSL_CA',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the authority that signed the receiver’s certificate; the system’s when empty',
  },
  syslogSslCert: {
    kind: 'string',
    env: 'NTA_SYSLOG_SSL_CERT',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the certificate to show receivers that ask for one',
  },
  syslogSslKey: {
    kind: 'string',
    env: 'NTA_SYSLOG_SSL_KEY',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the key of --syslog-ssl-cert, without a passphrase',
  },
});
export type SyslogSettings = Settings<typeof syslogOptions>;

export type SyslogTransport = 'udp' | 'tcp' | 'tls';

/** What the settings say, checked. */
export interface SyslogEndpoint {
  readonly transport: SyslogTransport;
  readonly host: string;
  readonly port: number;
  readonly format: SyslogFormat;
  readonly facility: Facility;
  readonly octetCounting: boolean;
  /** Of this machine. */
  readonly hostName: string;
  /** PEM; undefined for the system's authorities, and for no certificate of our own. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** IANA's ports of RFC 5426, RFC 6587 and RFC 5425. */
const PORTS: Readonly<Record<SyslogTransport, number>> = { udp: 514, tcp: 601, tls: 6514 };

/**
 * @param warn told of what is allowed but unwise.
 * @throws Failure `CONFIGURATION`
 */
export function readSyslogEndpoint(settings: SyslogSettings, warn: (message: string) => void): SyslogEndpoint {
  const match = /^(udp|tcp|tls):\/\/(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/i.exec(settings.syslogAddress);
  if (match === null) throw refusedSetting('no syslog receiver: give --syslog-address or set NTA_SYSLOG_ADDRESS');
  const transport = match[1]!.toLowerCase() as SyslogTransport;
  const host = (match[2] ?? match[3])!;
  const port = match[4] === undefined ? PORTS[transport] : Number(match[4]);
  if (port < 1 || port > 65_535) throw refusedSetting(`--syslog-address: there is no port ${port}; use 1 to 65535`);
  const { syslogSslCa, syslogSslCert, syslogSslKey } = settings;
  const certificates = [syslogSslCa, syslogSslCert, syslogSslKey];
  if (transport !== 'tls' && certificates.some((file) => file !== ''))
    throw refusedSetting(`--syslog-ssl-…: ${transport}:// has no TLS; use tls://`);
  if ((syslogSslCert === '') !== (syslogSslKey === ''))
    throw refusedSetting('--syslog-ssl-cert and --syslog-ssl-key: give both or neither');
  if (transport === 'udp')
    warn('syslog over UDP may lose alerts without a sign: use tcp:// or tls:// where that matters');
  if (transport !== 'tls' && !isLoopbackHost(host))
    warn(`alerts travel to ${host} in the clear: tls:// would hide them`);
  return {
    transport,
    host,
    port,
    format: settings.syslogFormat,
    facility: settings.syslogFacility,
    octetCounting: settings.syslogFraming === 'octet-counting',
    hostName: hostname(),
    ca: syslogSslCa === '' ? undefined : readCertificates('--syslog-ssl-ca', syslogSslCa),
    cert: syslogSslCert === '' ? undefined : readCertificates('--syslog-ssl-cert', syslogSslCert),
    key: syslogSslKey === '' ? undefined : readPemFile('--syslog-ssl-key', syslogSslKey),
  };
}
