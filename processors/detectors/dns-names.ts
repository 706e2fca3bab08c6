/** What a DNS name says of itself: whose it is, and how much of it looks like data rather than like words. */
import { getDomain } from 'tldts';

/** Names whose registered domain is remembered; looking one up costs microseconds. */
const CACHE_MAX = 4096;
const cache = new Map<string, string>();

/**
 * The registered domain of a name in lower case ("www.example.co.uk" → "example.co.uk"), by the public suffix list with its
 * private part, so that each customer of a content network is one; empty for a bare suffix, an address and a single label.
 */
export function registeredDomain(name: string): string {
  const known = cache.get(name);
  if (known !== undefined) return known;
  // Bytes beyond ASCII stand as \DDD; they are no part of a registered domain, and the library would refuse the name.
  const plain = name.replace(/\\(?:\d{3}|.)/g, 'x');
  const domain = getDomain(plain, { allowPrivateDomains: true, validateHostname: false, extractHostname: false }) ?? '';
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(name, domain);
  return domain;
}

/** Below `in-addr.arpa` and `ip6.arpa` names are addresses (RFC 1035 section 3.5). */
export function isReverse(name: string): boolean {
  return name.endsWith('.arpa');
}

/** A label of this length with digits in it, or of twice it without: words and host names are shorter. */
const DATA_LABEL = 16;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** Whether one of the labels that begin before `end` may look like data: most names have none, and to split them costs more than to look. */
function hasLongLabel(name: string, end: number): boolean {
  let length = 0;
  for (let at = 0; at < end; at++) {
    const character = name.charCodeAt(at);
    if (character === BACKSLASH) return true;
    length = character === DOT ? 0 : length + 1;
    if (length >= DATA_LABEL) return true;
  }
  return false;
}

/** Characters of labels that look like data: long and mixed with digits, or very long, or with bytes that no host name has. */
export function dataCharacters(name: string, domain: string): number {
  if (!hasLongLabel(name, name.length - domain.length)) return 0;
  let characters = 0;
  const own = name.length > domain.length ? name.slice(0, name.length - domain.length - 1) : '';
  for (const label of own.split('.')) {
    const escapes = label.split('\\').length - 1;
    // An escaped byte is four characters of text and one of the name.
    const length = label.length - 3 * escapes;
    const digits = escapes > 0 ? 0 : label.replace(/\D/g, '').length;
    if (escapes >= 3 || length >= 2 * DATA_LABEL || (length >= DATA_LABEL && digits >= 3)) characters += length;
  }
  return characters;
}
