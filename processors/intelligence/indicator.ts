/** What a list of threats names: an address or network, a domain with all below it, or a JA4 fingerprint; and what it must not name. */
import { getDomain } from 'tldts';
import { parseNetwork } from '../contract/network-list.js';

export type Indicator =
  | { readonly kind: 'network'; readonly text: string; readonly bytes: Uint8Array; readonly bits: number }
  | { readonly kind: 'domain'; readonly text: string }
  | { readonly kind: 'ja4'; readonly text: string };

/** FoxIO's JA4 of a ClientHello: protocol, version, SNI, counts, ALPN; two hashes. */
const JA4 = /^[tqd](?:\d\d|[sd]\d)[di]\d{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$/;
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$/;

/** Wider networks are no indicator: an eighth of a percent of the internet and more. */
const IPV4_BITS_MIN = 8;
const IPV6_BITS_MIN = 20;

/** Nothing outside lives there (RFC 6890), and a list that has them would tell of everything. */
const RESERVED: readonly (readonly [network: string, what: string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared by carriers'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.168.0.0/16', 'private'],
  ['224.0.0.0/4', 'multicast'],
  ['255.255.255.255/32', 'broadcast'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['ff00::/8', 'multicast'],
];

/** An indicator that is refused, or text that is none. */
export class IndicatorError extends Error {
  constructor(
    message: string,
    /** Whether it names something that a list must not hold, rather than nothing that is known here. */
    readonly isHarmful: boolean,
  ) {
    super(message);
  }
}

/** @throws IndicatorError with the reason */
export function readIndicator(given: string): Indicator {
  const text = refanged(given.trim());
  if (JA4.test(text)) return { kind: 'ja4', text };
  if (/^[0-9.]+(?:\/\d+)?$/.test(text) || /^[0-9a-f:.]*:[0-9a-f:.]*(?:\/\d+)?$/i.test(text)) return readNetwork(text);
  const name = text.toLowerCase().replace(/^\*\.|^\.|\.$/g, '');
  if (!DOMAIN.test(name))
    throw new IndicatorError(`${JSON.stringify(given)} is no address, network, domain or JA4 fingerprint`, false);
  if (getDomain(name, { allowPrivateDomains: false, validateHostname: false }) === null)
    throw new IndicatorError(
      `${name} is a suffix that everybody’s domains end in; name the domain itself, such as bad.${name}`,
      true,
    );
  return { kind: 'domain', text: name };
}

/** Lists write example[.]com and hxxp so that nobody clicks on it. */
function refanged(text: string): string {
  return text.replace(/\[\.\]|\(\.\)|\[dot\]/gi, '.').replace(/\[:\]/g, ':');
}

function readNetwork(text: string): Indicator {
  let address: ReturnType<typeof parseNetwork>[0];
  let bits: number;
  try {
    [address, bits] = parseNetwork(text);
  } catch (error) {
    throw new IndicatorError((error as Error).message, false);
  }
  const isIpv4 = address.kind() === 'ipv4';
  const least = isIpv4 ? IPV4_BITS_MIN : IPV6_BITS_MIN;
  if (bits < least)
    throw new IndicatorError(`${text} is too wide for an indicator; name networks of /${least} and longer`, true);
  const bytes = Uint8Array.from(address.toByteArray());
  const reserved = RESERVED.find(([network]) => overlaps(bytes, bits, network));
  if (reserved !== undefined)
    throw new IndicatorError(
      `${text} is ${reserved[1]} (${reserved[0]}), where your own hosts are; take the line out of the list`,
      true,
    );
  return { kind: 'network', text, bytes, bits };
}

function overlaps(bytes: Uint8Array, bits: number, network: string): boolean {
  const [address, length] = parseNetwork(network);
  const other = address.toByteArray();
  if (other.length !== bytes.length) return false;
  for (let bit = 0; bit < Math.min(bits, length); bit++) {
    const mask = 0x80 >>> (bit & 7);
    if ((bytes[bit >>> 3]! & mask) !== (other[bit >>> 3]! & mask)) return false;
  }
  return true;
}
