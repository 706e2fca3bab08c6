/** Targets of sightings between their forms: a number and its kind in a window's cell, a key in an episode, and text. */
import { formatIpv4, formatIpv6 } from '../../schemas/address.js';
import { ADDRESS_IPV4, ADDRESS_IPV6 } from '../../schemas/packets/packet-block.js';
import type { AddressPool } from './address-pool.js';
import type { Episode } from './episode.js';
import { KeyWords } from './key-words.js';
import { TARGET_IPV4, TARGET_IPV6, TARGET_NONE } from './window-store.js';

/** The empty string when there is no target. */
export function targetText(addresses: AddressPool, kind: number, target: number): string {
  if (kind === TARGET_IPV4) return formatIpv4(target);
  return kind === TARGET_IPV6 ? formatIpv6(addresses.bytes, target * 16) : '';
}

/** A target from its text, held in the pool when it is an IPv6 address. */
export function holdTarget(addresses: AddressPool, text: string): { readonly target: number; readonly kind: number } {
  const words = new KeyWords(128);
  if (text === '' || !words.parse(text)) return { target: 0, kind: TARGET_NONE };
  if (words.kind === ADDRESS_IPV4) return { target: words.words[0]!, kind: TARGET_IPV4 };
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 4; i++) view.setUint32(i * 4, words.words[i]!);
  return { target: addresses.hold(bytes, 0), kind: TARGET_IPV6 };
}

export function addIpv4Target(episode: Episode, address: number): void {
  if (episode.isNewTarget(address)) episode.addTarget(address, formatIpv4(address));
}

export function addIpv6Target(episode: Episode, bytes: Uint8Array, offset: number): void {
  const key = ipv6Key(bytes, offset);
  if (episode.isNewTarget(key)) episode.addTarget(key, formatIpv6(bytes, offset));
}

/** An address as conversations have it, as text; empty when it is none of IP. */
export function slotText(bytes: Uint8Array, offset: number): string {
  const kind = bytes[offset];
  if (kind === ADDRESS_IPV6) return formatIpv6(bytes, offset + 1);
  return kind === ADDRESS_IPV4 ? formatIpv4(slotIpv4(bytes, offset)) : '';
}

/** As `Attempt.targetKey`. */
export function slotTargetKey(bytes: Uint8Array, offset: number): number {
  return bytes[offset] === ADDRESS_IPV4 ? slotIpv4(bytes, offset) : ipv6Key(bytes, offset + 1);
}

function slotIpv4(bytes: Uint8Array, offset: number): number {
  const at = offset + 1;
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** A number that tells texts of targets apart. */
export function textKey(text: string): number {
  let high = 0x811c9dc5;
  let low = 0x2b2ae3d1;
  for (let i = 0; i < text.length; i++) {
    high = Math.imul(high ^ text.charCodeAt(i), 0x01000193);
    low = Math.imul(low ^ text.charCodeAt(i), 0x85ebca6b);
  }
  return ((high >>> 12) + 1) * 0x1_0000_0000 + (low >>> 0);
}

/** A number that tells IPv6 targets apart, outside the range of IPv4 addresses. */
export function ipv6Key(bytes: Uint8Array, offset: number): number {
  let high = 0x811c9dc5;
  let low = 0x2b2ae3d1;
  for (let i = 0; i < 16; i++) {
    high = Math.imul(high ^ bytes[offset + i]!, 0x01000193);
    low = Math.imul(low ^ bytes[offset + i]!, 0x85ebca6b);
  }
  return ((high >>> 12) + 1) * 0x1_0000_0000 + (low >>> 0);
}
