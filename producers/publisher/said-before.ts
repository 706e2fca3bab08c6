/**
 * What the latest packet of a source said of its link layer and of where it goes, so that the next one of the same need not
 * say it again. Kept in eleven words of what is known of the source.
 */
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_IP,
  HAS_MACS,
  HAS_PORTS,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';

export const LINK_WORDS = 5;
export const FLOW_WORDS = 6;

/** Notes the link layer of a row in `LINK_WORDS` words from `at` on; whether it is another than was noted. */
export function noteLink(words: Uint32Array, at: number, block: PacketBlock, row: number): boolean {
  const { macWords } = block;
  const hasMacs = block.present[row]! & HAS_MACS;
  const from = row * 3;
  const first = hasMacs === 0 ? 0 : macWords[from]! >>> 0;
  const second = hasMacs === 0 ? 0 : macWords[from + 1]! >>> 0;
  const third = hasMacs === 0 ? 0 : macWords[from + 2]! >>> 0;
  const vlans = (block.vlan[row]! | (block.innerVlan[row]! << 16)) >>> 0;
  const etherType = (block.etherType[row]! | (hasMacs << 16)) >>> 0;
  if (
    words[at] === first &&
    words[at + 1] === second &&
    words[at + 2] === third &&
    words[at + 3] === vlans &&
    words[at + 4] === etherType
  ) {
    return false;
  }
  words[at] = first;
  words[at + 1] = second;
  words[at + 2] = third;
  words[at + 3] = vlans;
  words[at + 4] = etherType;
  return true;
}

/** The same of destination, protocol, TTL and ports, in `FLOW_WORDS` words. */
export function noteFlow(words: Uint32Array, at: number, block: PacketBlock, row: number): boolean {
  const present = block.present[row]! & (HAS_IP | HAS_PORTS);
  const kind = block.destinationKind[row]!;
  const isIp = (present & HAS_IP) !== 0;
  const ports = (present & HAS_PORTS) === 0 ? 0 : ((block.sourcePort[row]! << 16) | block.destinationPort[row]!) >>> 0;
  const layer = isIp ? (block.ipProtocol[row]! << 8) | (block.ttl[row]! << 16) : 0;
  const rest = (kind | layer | (present << 24)) >>> 0;
  const address = block.destinationAddress[row]!;
  let isOther = words[at + 4] !== ports || words[at + 5] !== rest;
  words[at + 4] = ports;
  words[at + 5] = rest;
  if (kind === ADDRESS_IPV4) {
    isOther ||= words[at] !== address;
    words[at] = address;
  } else if (kind === ADDRESS_IPV6) {
    const { ipv6Words } = block;
    for (let word = 0; word < 4; word++) {
      const value = ipv6Words[address * 4 + word]! >>> 0;
      isOther ||= words[at + word] !== value;
      words[at + word] = value;
    }
  }
  return isOther;
}
