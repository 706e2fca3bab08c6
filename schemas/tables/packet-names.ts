/** Names that packets carry, as filters ask for them: of DNS queries, TLS, HTTP and DHCP. Upper and lower case are the same. */
import type { PacketCondition } from './packet-condition.js';

const NAMES = {
  dns_name: "-> 'dns' ->> 'query'",
  tls_name: "-> 'tls' ->> 'server_name'",
  http_host: "-> 'http' ->> 'host'",
  dhcp_hostname: "-> 'dhcp' ->> 'hostname'",
} as const;

/** "*.example.org" → what LIKE takes; the other characters that LIKE acts on stand for themselves. */
function likePattern(value: string): string {
  return value
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%');
}

function nameField(paths: readonly string[]): (values: readonly string[]) => PacketCondition {
  return (values) => {
    const patterns = values.map(likePattern);
    return {
      packet: (sql) => {
        const wanted = sql.add(patterns, 'text[]');
        const details = sql.column('details');
        return paths.map((path) => `rtrim(lower(${details} ${path}), '.') LIKE ANY(${wanted})`).join(' OR ');
      },
      segment: () => 'details IS NOT NULL',
    };
  };
}

const FORM =
  'The whole name, or a pattern: * stands for any characters. Several values are separated by commas; any of them matches.';

export const PACKET_NAME_FIELDS = {
  name: {
    description: `Name of any of the kinds below. ${FORM}`,
    example: '*.example.org',
    parse: nameField(Object.values(NAMES)),
  },
  dns_name: {
    description: `Name that a DNS message asks for. ${FORM}`,
    example: '*.example.org',
    parse: nameField([NAMES.dns_name]),
  },
  tls_name: {
    description: `Server name of a TLS ClientHello. ${FORM}`,
    example: 'www.example.org',
    parse: nameField([NAMES.tls_name]),
  },
  http_host: {
    description: `Host of an HTTP request. ${FORM}`,
    example: 'www.example.org',
    parse: nameField([NAMES.http_host]),
  },
  dhcp_hostname: {
    description: `Host name that a DHCP client gives. ${FORM}`,
    example: 'printer-*',
    parse: nameField([NAMES.dhcp_hostname]),
  },
} as const;
