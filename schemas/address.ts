/**
 * Text forms of addresses: IPv4 dotted quad, IPv6 by RFC 5952, MACs in lower-case hexadecimal with colons. Parsing and
 * prefix arithmetic belong to ipaddr.js; these are here because record keys, alerts and rows need them by the million.
 */
import { ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_MAC, type PacketBlock } from './packets/packet-block.js';

const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const HEX_SHORT = Array.from({ length: 256 }, (_, byte) => byte.toString(16));

/** How many texts of addresses are remembered, of IPv4 and of IPv6: the last of each hash. Most are asked for again and again. */
const KNOWN_BITS = 12;
const knownIpv4 = new Uint32Array(1 << KNOWN_BITS);
const textsOfIpv4: string[] = Array.from(knownIpv4, () => '0.0.0.0');
const knownIpv6 = new Uint8Array(16 << KNOWN_BITS);
const textsOfIpv6: string[] = Array.from(knownIpv4, () => '::');

/** 0xc0000201 → "192.0.2.1". */
export function formatIpv4(address: number): string {
  const entry = Math.imul(address, 0x9e3779b1) >>> (32 - KNOWN_BITS);
  if (knownIpv4[entry] === address) return textsOfIpv4[entry]!;
  const text = `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
  knownIpv4[entry] = address;
  textsOfIpv4[entry] = text;
  return text;
}

/** No text form of an address is longer, characters. */
export const ADDRESS_TEXT_MAX = 45;

/** The digits of 0 to 255, up to three characters, the first the lowest, and their number in the highest byte. */
const DECIMAL = Uint32Array.from(
  { length: 256 },
  (_, value) =>
    [...String(value)].reduce((digits, digit, index) => digits + digit.charCodeAt(0) * 256 ** index, 0) +
    String(value).length * 2 ** 24,
);

/** Writes the text of an IPv4 address and returns where it ends; up to three bytes after it are overwritten. */
export function putIpv4Text(bytes: Uint8Array, start: number, address: number): number {
  let at = start;
  for (let shift = 24; shift >= 0; shift -= 8) {
    const digits = DECIMAL[(address >>> shift) & 255]!;
    bytes[at] = digits;
    bytes[at + 1] = digits >>> 8;
    bytes[at + 2] = digits >>> 16;
    at += digits >>> 24;
    bytes[at++] = 0x2e;
  }
  return at - 1;
}

/** Sixteen bytes at `offset` in the canonical form of RFC 5952, including "::ffff:192.0.2.1" for mapped addresses. */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  let hash = 0;
  for (let at = offset; at < offset + 16; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  const entry = Math.imul(hash, 0x9e3779b1) >>> (32 - KNOWN_BITS);
  const start = entry * 16;
  let index = 0;
  while (index < 16 && knownIpv6[start + index] === bytes[offset + index]) index++;
  if (index === 16) return textsOfIpv6[entry]!;
  const text = writeIpv6(bytes, offset);
  for (index = 0; index < 16; index++) knownIpv6[start + index] = bytes[offset + index]!;
  textsOfIpv6[entry] = text;
  return text;
}

function writeIpv6(bytes: Uint8Array, offset: number): string {
  let bestStart = -1;
  let bestLength = 1; // a single zero group is not shortened, section 4.2.2
  let length = 0;
  for (let index = 0; index < 8; index++) {
    if ((bytes[offset + 2 * index]! | bytes[offset + 2 * index + 1]!) !== 0) length = 0;
    else if (++length > bestLength) {
      bestLength = length;
      bestStart = index + 1 - length;
    }
  }
  if (bestStart === 0 && bestLength === 5 && (bytes[offset + 10]! & bytes[offset + 11]!) === 0xff) {
    return `::ffff:${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`;
  }
  let text = '';
  for (let index = 0; index < 8; index++) {
    if (index === bestStart) {
      text += '::';
      index += bestLength - 1;
      continue;
    }
    if (index > 0 && index !== bestStart + bestLength) text += ':';
    const high = bytes[offset + 2 * index]!;
    const low = bytes[offset + 2 * index + 1]!;
    text += high === 0 ? HEX_SHORT[low]! : HEX_SHORT[high]! + HEX_BYTES[low]!;
  }
  return text;
}

/** Six bytes at `offset` → "02:00:5e:10:00:01". */
export function formatMac(bytes: Uint8Array, offset = 0): string {
  let text = HEX_BYTES[bytes[offset]!]!;
  for (let i = 1; i < 6; i++) text += `:${HEX_BYTES[bytes[offset + i]!]!}`;
  return text;
}

/** Bytes as Avro carries them: 4 an IPv4 address, 16 IPv6, 6 a MAC; anything else is the empty string. */
export function formatAddressBytes(bytes: Uint8Array, offset = 0, length: number = bytes.length): string {
  if (length === 4) return formatIpv4(ipv4At(bytes, offset));
  if (length === 16) return formatIpv6(bytes, offset);
  if (length === 6) return formatMac(bytes, offset);
  return '';
}

/** Four bytes at `offset` as a number. */
export function ipv4At(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** The source of a row, which is also its record key: an IP address, else a MAC, else the empty string. */
export function formatSource(block: PacketBlock, row: number): string {
  switch (block.sourceKind[row]) {
    case ADDRESS_IPV4:
      return formatIpv4(block.sourceAddress[row]!);
    case ADDRESS_IPV6:
      return formatIpv6(block.ipv6, block.sourceAddress[row]! * 16);
    case ADDRESS_MAC:
      return formatMac(block.macs, row * 12);
    default:
      return '';
  }
}

/** The destination's network address of a row, or the empty string. */
export function formatDestination(block: PacketBlock, row: number): string {
  switch (block.destinationKind[row]) {
    case ADDRESS_IPV4:
      return formatIpv4(block.destinationAddress[row]!);
    case ADDRESS_IPV6:
      return formatIpv6(block.ipv6, block.destinationAddress[row]! * 16);
    default:
      return '';
  }
}

/** A slot of `ADDRESS_SLOT_BYTES` (schemas/conversations/conversation-block.ts): its kind, then the address; empty where there is none. */
export function formatAddressSlot(slots: Uint8Array, offset: number): string {
  switch (slots[offset]) {
    case ADDRESS_IPV4:
      return formatIpv4(ipv4At(slots, offset + 1));
    case ADDRESS_IPV6:
      return formatIpv6(slots, offset + 1);
    case ADDRESS_MAC:
      return formatMac(slots, offset + 1);
    default:
      return '';
  }
}
