/**
 * Where the decoder and tshark differ, and why that is right. Each entry is as narrow as its reason: an entry that
 * forgives more than it explains would hide mistakes.
 */
import type { TsharkFrame } from './tshark.js';
import type { Difference } from './tshark-agreement.js';

export interface KnownDifference {
  readonly reason: string;
  applies(difference: Difference): boolean;
}

/** LINKTYPE_ values that the decoder reads. */
const DECODED_LINKS: ReadonlySet<number> = new Set([0, 1, 9, 50, 51, 101, 104, 108, 113, 228, 229, 276]);
const DNS_PORTS: ReadonlySet<number> = new Set([53, 5353, 5355]);
const HTTP_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'CONNECT',
  'TRACE',
]);

/** 2³² nanoseconds, in µs. */
const TURN_OF_32_BITS = 4_294_967.296;

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    reason: 'the link type is not decoded, and the frame says so',
    applies: ({ ours, decoded }) =>
      decoded.failure === 'link_unsupported' && !DECODED_LINKS.has(decoded.linkType) && (ours === null || ours === 0),
  },
  {
    reason: 'a simple packet block has no time: it takes that of the frame before, tshark says 1970',
    applies: ({ field, tsharks }) => field === 'time' && tsharks === 0,
  },
  {
    reason: 'Linux cooked captures have no destination MAC: it is all zeros',
    applies: ({ field, ours, decoded }) =>
      field === 'destinationMac' &&
      ours === '00:00:00:00:00:00' &&
      (decoded.linkType === 113 || decoded.linkType === 276),
  },
  {
    reason: "backbone bridging (802.1ah): the customer's MACs are the ends, tshark counts the bridges' as outermost",
    applies: ({ field, dissected }) =>
      (field === 'sourceMac' || field === 'destinationMac') && dissected.layers.includes('ieee8021ah'),
  },
  {
    reason: 'the EtherType stands in the link header even when the packet behind it cannot be read',
    applies: ({ field, ours, tsharks, decoded, dissected }) =>
      field === 'etherType' &&
      tsharks === null &&
      decoded.failure !== '' &&
      dissected.etherTypes.includes(Number(ours)),
  },
  {
    reason: 'Cisco ISL is not decoded: its destination is the multicast address that marks it',
    applies: ({ field, ours, dissected }) =>
      field === 'destinationMac' && /^0[13]:00:0c:00:00/.test(String(ours)) && dissected.layers[1] === 'eth',
  },
  {
    reason: 'an EtherType of one vendor that carries a packet further in is not decoded (Arista, NSH, FabricPath)',
    applies: ({ dissected }) =>
      dissected.layers.some((layer) => layer === 'avsp' || layer === 'nsh' || layer === 'cfp'),
  },
  {
    reason: 'tags apart from each other (802.1ah, VN-Tag between them): the column holds the id of the inner stack',
    applies: ({ field, dissected }) =>
      (field === 'vlan' || field === 'innerVlan') &&
      dissected.layers.some((layer) => layer === 'ieee8021ah' || layer === 'vntag'),
  },
  {
    reason: 'an IPv6 payload length of 0 (segmentation offload): the rest of the frame is the payload, tshark gives up',
    applies: ({ tsharks, decoded, dissected }) =>
      tsharks === null && decoded.failure === '' && isMalformed(dissected) && dissected.layers.at(-1) === 'tcp',
  },
  {
    reason: 'options within a destination options header are not read; tshark stops at a malformed one',
    applies: ({ field, tsharks, dissected }) =>
      (field === 'sourcePort' || field === 'destinationPort') &&
      tsharks === null &&
      isMalformed(dissected) &&
      dissected.layers.at(-1) === 'ipv6.dstopts',
  },
  {
    reason: 'an extension header that does not end within the packet: what it claims to be followed by is not believed',
    applies: ({ field, decoded }) => field === 'ipProtocol' && decoded.failure === 'ipv6_extension_truncated',
  },
  {
    reason: 'ARP of other than Ethernet and IPv4 address lengths is not decoded, and the frame says so',
    applies: ({ field, ours, decoded }) =>
      field.startsWith('arp') && ours === null && decoded.failure === 'arp_unsupported',
  },
  {
    reason:
      'tshark takes the port for TFTP or another protocol of the conversation; the decoder goes by port and bytes',
    applies: ({ field, tsharks, dissected }) =>
      /^(dns|dhcp)/.test(field) && tsharks === null && dissected.layers.includes('tftp'),
  },
  {
    reason: 'DNS is looked for on ports 53, 5353 and 5355',
    applies: ({ field, ours, decoded }) =>
      field.startsWith('dns') &&
      ours === null &&
      ![decoded.fields.sourcePort, decoded.fields.destinationPort].some((port) => DNS_PORTS.has(port ?? 0)),
  },
  {
    reason: 'bytes of a domain name that are not printable are escaped as in RFC 4343, tshark prints them',
    applies: ({ field, ours, tsharks }) =>
      field === 'dnsQuery' &&
      String(ours).replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code))) === tsharks,
  },
  {
    reason:
      'bytes of a domain name that are no UTF-8 are escaped, and the name is cut at its limit; tshark replaces them',
    applies: ({ field, ours, tsharks }) =>
      field === 'dnsQuery' && String(tsharks).includes('\ufffd') && /\\\d{3}/.test(String(ours)),
  },
  {
    reason: 'a fraction of more than a second: tshark counts nanoseconds of it in 32 bits',
    applies: ({ field, ours, tsharks }) => {
      const ahead = Number(ours) - Number(tsharks);
      const turns = Math.round(ahead / TURN_OF_32_BITS);
      return field === 'time' && turns > 0 && Math.abs(ahead - turns * TURN_OF_32_BITS) <= 1;
    },
  },
  {
    reason: 'HTTP is looked for in TCP',
    applies: ({ field, ours, dissected }) => field === 'httpHost' && ours === null && dissected.layers.includes('sctp'),
  },
  {
    reason:
      'a TLS ClientHello is known by its bytes on any port, by tshark on known ports and streams seen from the start',
    applies: ({ field, tsharks, dissected }) =>
      field === 'tlsServerName' && tsharks === null && !dissected.layers.includes('tls'),
  },
  {
    reason: 'behind a SOCKS handshake a connection carries HTTP as any other does, tshark shows it as a part of SOCKS',
    applies: ({ field, ours, dissected }) =>
      field === 'httpHost' && dissected.layers.includes('socks') && dissected.httpHost === ours,
  },
  {
    reason: 'HTTP methods beyond RFC 9110 and 5789 (UPnP, WebDAV) are not looked for',
    applies: ({ field, ours, dissected }) =>
      field === 'httpHost' && ours === null && !HTTP_METHODS.has(dissected.httpMethod ?? ''),
  },
  {
    reason: 'DHCP options are read as far as they were captured, tshark refuses a message that was cut',
    applies: ({ field, tsharks, decoded }) =>
      field.startsWith('dhcp') && tsharks === null && decoded.fields.capturedLength < decoded.fields.frameLength,
  },
  {
    reason: 'FDDI addresses stand in the file as they are written; tshark takes them for reversed bits',
    applies: ({ field, ours, tsharks, dissected }) =>
      (field === 'sourceMac' || field === 'destinationMac') &&
      dissected.layers[0] === 'fddi' &&
      withReversedBits(String(ours)) === tsharks,
  },
];

/** "aa:00:…" → "55:00:…" */
function withReversedBits(mac: string): string {
  const reversed = mac.split(':').map((byte) => {
    const bits = Number.parseInt(byte, 16).toString(2).padStart(8, '0');
    return Number.parseInt([...bits].reverse().join(''), 2)
      .toString(16)
      .padStart(2, '0');
  });
  return reversed.join(':');
}

function isMalformed(frame: TsharkFrame): boolean {
  return frame.expert.some(({ message }) => message.startsWith('Malformed Packet'));
}

/** Files that tshark does not read to their end, by what it says; the decoder reads them, or says why not. */
export const KNOWN_REFUSALS: readonly { readonly reason: string; readonly message: RegExp }[] = [
  { reason: 'tshark does not know the link type', message: /network type \d+ unknown or unsupported/ },
];
