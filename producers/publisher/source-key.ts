/** Sources of packets as keys of a hash table: their bytes, wherever these lie, and hashes. */
import { formatIpv6, formatMac } from '../../schemas/address.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';

/** Where the bytes of an IPv6 address or a MAC lie, of a row's source: in this array, from `addressStart` on. */
export function addressBytes(block: PacketBlock, kind: number): Uint8Array {
  return kind === ADDRESS_IPV6 ? block.ipv6 : block.macs;
}

export function addressStart(block: PacketBlock, row: number, kind: number): number {
  return kind === ADDRESS_IPV6 ? block.sourceAddress[row]! * 16 : row * 12;
}

/** What is no address but a text: a link, a network. Such hosts have a number in place of an address. */
export const ADDRESS_TEXT = 1;

export function addressLength(kind: number): number {
  if (kind === ADDRESS_IPV4) return 4;
  return kind === ADDRESS_IPV6 ? 16 : 6;
}

/** Of a row's source, as `hashIpv4` and `hashBytes` make it. */
export function hashOfSource(block: PacketBlock, row: number, identity: number): number {
  const kind = identity & 0xff;
  return kind === ADDRESS_IPV4
    ? hashIpv4(block.sourceAddress[row]!, identity)
    : hashBytes(addressBytes(block, kind), addressStart(block, row, kind), addressLength(kind), identity);
}

export function hashIpv4(address: number, identity: number): number {
  return finish(Math.imul(Math.imul(identity, 0x9e3779b1) ^ address, 0x85ebca6b));
}

export function hashBytes(bytes: Uint8Array, from: number, length: number, identity: number): number {
  let hash = Math.imul(identity, 0x9e3779b1);
  for (let i = from; i < from + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return finish(hash);
}

/** The finish of MurmurHash3: neighbouring addresses must not fall into neighbouring slots. */
function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return mixed ^ (mixed >>> 13);
}

/** Writes an address that is none of IPv4 as text. */
export function putAddressText(bytes: Buffer, at: number, kind: number, address: Uint8Array, from: number): number {
  const text = kind === ADDRESS_IPV6 ? formatIpv6(address, from) : formatMac(address, from);
  return at + bytes.write(text, at, 'latin1');
}
