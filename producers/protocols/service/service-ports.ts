/**
 * Services by the port they listen on, where nothing that was said tells: names of
 * https://www.iana.org/assignments/service-names-port-numbers, those of `SERVICES` in their own words.
 */
const TCP = 6;
const UDP = 17;

const BOTH: Readonly<Record<number, string>> = {
  53: 'dns',
  88: 'kerberos',
  111: 'sunrpc',
  123: 'ntp',
  161: 'snmp',
  162: 'snmptrap',
  389: 'ldap',
  464: 'kpasswd',
  500: 'isakmp',
  514: 'syslog',
  1194: 'openvpn',
  1812: 'radius',
  1813: 'radius_acct',
  3478: 'stun',
  4500: 'ipsec_nat_t',
  5060: 'sip',
  5353: 'dns',
  5355: 'dns',
};

const OVER_TCP: Readonly<Record<number, string>> = {
  ...BOTH,
  20: 'ftp_data',
  21: 'ftp',
  22: 'ssh',
  23: 'telnet',
  25: 'smtp',
  49: 'tacacs',
  80: 'http',
  102: 'iso_tsap',
  110: 'pop3',
  119: 'nntp',
  135: 'msrpc',
  139: 'netbios_ssn',
  143: 'imap',
  179: 'bgp',
  443: 'tls',
  445: 'smb',
  465: 'smtps',
  502: 'modbus',
  515: 'printer',
  548: 'afp',
  554: 'rtsp',
  587: 'smtp',
  631: 'ipp',
  636: 'ldaps',
  853: 'dns_over_tls',
  873: 'rsync',
  989: 'ftps_data',
  990: 'ftps',
  993: 'imaps',
  995: 'pop3s',
  1080: 'socks',
  1433: 'mssql',
  1521: 'oracle',
  1883: 'mqtt',
  2049: 'nfs',
  2181: 'zookeeper',
  2375: 'docker',
  3128: 'http_proxy',
  3260: 'iscsi',
  3268: 'ldap_gc',
  3306: 'mysql',
  3389: 'rdp',
  5222: 'xmpp',
  5432: 'postgresql',
  5672: 'amqp',
  5900: 'vnc',
  5985: 'winrm',
  6379: 'redis',
  6443: 'kubernetes',
  6667: 'irc',
  8080: 'http',
  8443: 'tls',
  8883: 'mqtts',
  9092: 'kafka',
  9100: 'jetdirect',
  9200: 'elasticsearch',
  11211: 'memcached',
  20000: 'dnp3',
  27017: 'mongodb',
};

const OVER_UDP: Readonly<Record<number, string>> = {
  ...BOTH,
  67: 'dhcp',
  68: 'dhcp',
  69: 'tftp',
  137: 'netbios_ns',
  138: 'netbios_dgm',
  443: 'quic',
  520: 'rip',
  546: 'dhcpv6',
  547: 'dhcpv6',
  1701: 'l2tp',
  1900: 'ssdp',
  2055: 'netflow',
  2152: 'gtp_u',
  3544: 'teredo',
  3702: 'ws_discovery',
  4739: 'ipfix',
  4789: 'vxlan',
  4790: 'vxlan_gpe',
  5004: 'rtp',
  6081: 'geneve',
  6343: 'sflow',
  47808: 'bacnet',
  51820: 'wireguard',
};

const TCP_SERVICES = byNumber(OVER_TCP);
const UDP_SERVICES = byNumber(OVER_UDP);

function byNumber(services: Readonly<Record<number, string>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(services).map(([port, service]) => [Number(port), service]));
}

/** The service that is expected on a responder's port; null when none is. */
export function serviceOfPort(transport: number, port: number): string | null {
  if (transport === TCP) return TCP_SERVICES.get(port) ?? null;
  return transport === UDP ? (UDP_SERVICES.get(port) ?? null) : null;
}
