/** Addresses and networks as filters name them, and what the index of segments has for them. */
import ipaddr from 'ipaddr.js';
import { Refusal } from './field-values.js';
import { INDEXED_PREFIXES } from './packet-table.js';

export interface AddressMatch {
  readonly text: string;
  readonly bits: 32 | 128;
  /** Bits of the network; all of them for one address. */
  readonly prefix: number;
}

/**
 * @param macFields where a MAC address is asked for instead, if it can be.
 * @throws Refusal
 */
export function parseAddress(text: string, macFields = ''): AddressMatch {
  const [written = '', prefix, ...rest] = text.split('/');
  const isIpv4 = ipaddr.IPv4.isValidFourPartDecimal(written);
  if ((!isIpv4 && !(ipaddr.IPv6.isValid(written) && !written.includes('%'))) || rest.length > 0) {
    throw new Refusal(
      isMac(text) && macFields !== ''
        ? `"${text}" is a MAC address; use ${macFields}`
        : `"${text}" is no IP address or network; give one such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`,
    );
  }
  const bits = isIpv4 ? 32 : 128;
  if (prefix !== undefined && (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits)) {
    throw new Refusal(`"${text}" has no valid prefix length; it is a number from 0 to ${bits}`);
  }
  const match: AddressMatch = { text: written, bits, prefix: prefix === undefined ? bits : Number(prefix) };
  return isIpv4 ? match : unmapped(match);
}

const MAPPED_BITS = 96;

/** "::ffff:10.0.0.5" is 10.0.0.5, which is what packets carry: an IPv4-mapped address is no address of the wire. */
function unmapped(match: AddressMatch): AddressMatch {
  const address = ipaddr.IPv6.parse(match.text);
  if (!address.isIPv4MappedAddress() || match.prefix < MAPPED_BITS) return match;
  return { text: address.toIPv4Address().toString(), bits: 32, prefix: match.prefix - MAPPED_BITS };
}

/** Most networks of an indexed length that stand for a wider one. */
const NETWORKS_MAX = 16;

/**
 * What an index has for an address or a network: the address itself, the indexed network around it, or all those in it;
 * and the widest networks as they stand for segments with too many addresses. None when these are too many.
 */
export function indexKeys(match: AddressMatch): string[] {
  const indexed = match.bits === 32 ? INDEXED_PREFIXES.ipv4 : INDEXED_PREFIXES.ipv6;
  const widest = networksOf({ ...match, prefix: Math.min(match.prefix, indexed[0]) }, indexed);
  return [...networksOf(match, indexed), ...widest.map(lastAddressOf)];
}

function networksOf({ text, bits, prefix }: AddressMatch, indexed: readonly [number, number, number]): string[] {
  if (prefix === bits) return [text];
  const around = indexed.findLast((length) => length <= prefix);
  if (around !== undefined) return [`${networkAddress(text, bits, around)}/${around}`];
  const free = indexed[0] - prefix;
  if (2 ** free > NETWORKS_MAX) return [];
  const first = networkAddress(text, bits, prefix).toByteArray();
  return Array.from({ length: 2 ** free }, (_, index) => {
    const bytes = [...first];
    const last = indexed[0] / 8 - 1;
    bytes[last] = bytes[last]! | index;
    return `${ipaddr.fromByteArray(bytes)}/${indexed[0]}`;
  });
}

export function networkAddress(text: string, bits: AddressMatch['bits'], prefix: number): ipaddr.IPv4 | ipaddr.IPv6 {
  return (bits === 32 ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(`${text}/${prefix}`);
}

/** "10.0.0.0/8" → "10.255.255.255/8". */
function lastAddressOf(network: string): string {
  const family = network.includes(':') ? ipaddr.IPv6 : ipaddr.IPv4;
  return `${family.broadcastAddressFromCIDR(network)}/${network.split('/')[1]}`;
}

export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text);
}

/** An address or a network. */
export function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}
