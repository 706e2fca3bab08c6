/**
 * The packet that an ICMP error quotes (RFC 792; RFC 4443 section 3): its addresses and ports, or those of an ICMP query
 * its type and identifier. Errors quote at least eight bytes above the network header, so no more is read.
 */
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_ICMP,
  HAS_IP,
  HAS_PORTS,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';
import { uint16, uint32 } from '../protocols/bytes.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';

/** From the begin of the ICMP header. */
const QUOTE = 8;

const IPV4_LENGTH = 20;
const IPV4_FRAGMENT = 6;
const IPV4_FRAGMENT_OFFSET_MASK = 0x1fff;
const IPV4_PROTOCOL = 9;
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const IPV6_LENGTH = 40;
const IPV6_NEXT_HEADER = 6;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;
/** Ports, or type, code, checksum and identifier. */
const PORTS_LENGTH = 4;
const QUERY_LENGTH = 6;
const QUERY_IDENTIFIER = 4;

/**
 * Writes the quoted packet into the only row of `quote`: ports, or for a query type and identifier, the latter as both
 * ports. False when it cannot be told.
 *
 * @param start begin of the ICMP header, of which bytes up to `end` are there
 */
export function readIcmpQuote(quote: PacketBlock, bytes: Uint8Array, start: number, end: number): boolean {
  quote.forgetRows();
  const row = quote.addRow();
  const network = start + QUOTE;
  if (end - network < IPV4_LENGTH) return false;
  const version = bytes[network]! >> 4;
  let transport: number;
  let protocol: number;
  if (version === 4) {
    if ((uint16(bytes, network + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET_MASK) !== 0) return false;
    transport = network + ((bytes[network]! & 15) << 2);
    protocol = bytes[network + IPV4_PROTOCOL]!;
    quote.sourceKind[row] = quote.destinationKind[row] = ADDRESS_IPV4;
    quote.sourceAddress[row] = uint32(bytes, network + IPV4_SOURCE);
    quote.destinationAddress[row] = uint32(bytes, network + IPV4_DESTINATION);
  } else if (version === 6) {
    if (end - network < IPV6_LENGTH) return false;
    transport = network + IPV6_LENGTH;
    protocol = bytes[network + IPV6_NEXT_HEADER]!;
    quote.sourceKind[row] = quote.destinationKind[row] = ADDRESS_IPV6;
    quote.sourceAddress[row] = quote.addIpv6(bytes, network + IPV6_SOURCE);
    quote.destinationAddress[row] = quote.addIpv6(bytes, network + IPV6_DESTINATION);
  } else return false;
  quote.ipProtocol[row] = protocol;
  if (protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP) {
    if (end - transport < PORTS_LENGTH) return false;
    quote.sourcePort[row] = uint16(bytes, transport);
    quote.destinationPort[row] = uint16(bytes, transport + 2);
    quote.present[row] = HAS_IP | HAS_PORTS;
    return true;
  }
  if ((protocol !== PROTOCOL_ICMP && protocol !== PROTOCOL_ICMPV6) || end - transport < QUERY_LENGTH) return false;
  quote.icmpType[row] = bytes[transport]!;
  quote.sourcePort[row] = quote.destinationPort[row] = uint16(bytes, transport + QUERY_IDENTIFIER);
  quote.present[row] = HAS_IP | HAS_PORTS | HAS_ICMP;
  return true;
}

const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
const UNREACHABLE6 = 1;

/** Whether a message of this type refuses what it quotes: what it asks to send smaller, or expired on its way, is not refused. */
export function isRefusal(protocol: number, type: number, code: number): boolean {
  if (protocol === PROTOCOL_ICMP) return type === UNREACHABLE && code !== FRAGMENTATION_NEEDED;
  return protocol === PROTOCOL_ICMPV6 && type === UNREACHABLE6;
}
