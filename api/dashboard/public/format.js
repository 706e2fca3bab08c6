/** Numbers, sizes and times as an analyst reads them. */

const integers = new Intl.NumberFormat('en-US');
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** @param {number} value */
export const formatInteger = (value) => integers.format(value);

/** 12,345,678 → "12.3M"; below 10,000 in full. @param {number} value */
export const formatCount = (value) =>
  Math.abs(value) < 10_000 ? integers.format(Math.round(value)) : compact.format(value);

/** Powers of ten, as rates are given. @param {number} value @param {string} unit */
function scaled(value, unit) {
  const steps = ['', 'k', 'M', 'G', 'T', 'P'];
  let step = 0;
  let rest = value;
  while (Math.abs(rest) >= 1000 && step < steps.length - 1) {
    rest /= 1000;
    step++;
  }
  const digits = rest === 0 || Math.abs(rest) >= 100 ? 0 : Math.abs(rest) >= 10 ? 1 : 2;
  return `${Number(rest.toFixed(digits))} ${steps[step]}${unit}`;
}

/** @param {number} bytes */
export const formatBytes = (bytes) => scaled(bytes, 'B');
/** @param {number} rate bits a second */
export const formatBitRate = (rate) => scaled(rate, 'bit/s');
/** @param {number} rate packets a second */
export const formatPacketRate = (rate) =>
  rate !== 0 && rate < 10 ? `${Number(rate.toPrecision(2))} packets/s` : `${formatCount(rate)} packets/s`;
/** @param {number} part @param {number} whole */
export const formatShare = (part, whole) => {
  if (whole === 0) return '0 %';
  const percent = (100 * part) / whole;
  return percent !== 0 && percent < 0.1 ? '< 0.1 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
};

/** @param {number} value @param {number} length */
const pad = (value, length = 2) => String(value).padStart(length, '0');

/** Local date of a time, "2026-01-02". @param {Date} date */
const localDate = (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;

/** Local time with the date unless it is today, "14:03:12" or "2026-01-02 14:03:12". @param {string} iso */
export function formatTime(iso) {
  const date = new Date(iso);
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return localDate(date) === localDate(new Date()) ? clock : `${localDate(date)} ${clock}`;
}

/** The same with the microseconds that the capture recorded. @param {string} iso */
export function formatTimeMicros(iso) {
  return `${formatTime(iso)}.${/\.(\d{6})/.exec(iso)?.[1] ?? '000000'}`;
}

/** "3 s", "5 min", "2 h", "4 d". @param {number} milliseconds */
export function formatAge(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${formatInteger(Math.round(seconds / 86_400))} d`;
}

const PORT_NAMES = {
  20: 'ftp-data',
  21: 'ftp',
  22: 'ssh',
  23: 'telnet',
  25: 'smtp',
  53: 'dns',
  67: 'dhcp',
  68: 'dhcp',
  69: 'tftp',
  80: 'http',
  88: 'kerberos',
  110: 'pop3',
  111: 'rpcbind',
  123: 'ntp',
  135: 'msrpc',
  137: 'netbios-ns',
  138: 'netbios-dgm',
  139: 'netbios-ssn',
  143: 'imap',
  161: 'snmp',
  162: 'snmp-trap',
  179: 'bgp',
  389: 'ldap',
  443: 'https',
  445: 'smb',
  465: 'smtps',
  500: 'isakmp',
  514: 'syslog',
  546: 'dhcpv6',
  547: 'dhcpv6',
  587: 'submission',
  636: 'ldaps',
  853: 'dns-tls',
  993: 'imaps',
  995: 'pop3s',
  1433: 'ms-sql',
  1521: 'oracle',
  1883: 'mqtt',
  1900: 'ssdp',
  3128: 'proxy',
  3306: 'mysql',
  3389: 'rdp',
  4500: 'ipsec-nat',
  5060: 'sip',
  5353: 'mdns',
  5355: 'llmnr',
  5432: 'postgres',
  5900: 'vnc',
  6379: 'redis',
  8080: 'http-alt',
  8443: 'https-alt',
  9092: 'kafka',
  9200: 'elastic',
  11211: 'memcached',
  27017: 'mongodb',
  4789: 'vxlan',
  51820: 'wireguard',
};

/** What a port is usually for, or the empty string. @param {number} port */
export const portName = (port) => PORT_NAMES[/** @type {keyof typeof PORT_NAMES} */ (port)] ?? '';
