/** JA4, a fingerprint of TLS clients: "JA4: TLS Client Fingerprinting", FoxIO, technical_details/JA4.md of FoxIO-LLC/ja4. */
import { hash as sha } from 'node:crypto';
import type { ClientHello } from './client-hello.js';

const VERSIONS: Readonly<Record<number, string>> = {
  772: '13',
  771: '12',
  770: '11',
  769: '10',
  768: 's3',
  2: 's2',
};
const COUNT_MAX = 99;
const HASH_LENGTH = 12;
const NO_HASH = '0'.repeat(HASH_LENGTH);
/** The name and the protocols are in the first part, and change with what is visited. */
const EXTENSIONS_LEFT_OUT: readonly number[] = [0x0000, 0x0010];

/** @param transport `t` over TCP, `q` in QUIC */
export function ja4(hello: ClientHello, transport: 't' | 'q'): string {
  const version = VERSIONS[hello.version] ?? '00';
  const destination = hello.hasServerName ? 'd' : 'i';
  const counts = count(hello.ciphers) + count(hello.extensions);
  const head = `${transport}${version}${destination}${counts}${alpnEnds(hello.alpnBytes)}`;
  return head + hashesOf(hello);
}

/**
 * Both hashes by what they are of: clients are few programs, and hashing is most of the cost of a ClientHello. All
 * are forgotten when there are too many: clients that change the order of their extensions each time make as many as they like.
 */
const known = new Map<string, string>();
const KNOWN_MAX = 1024;

function hashesOf({ ciphers, extensions, signatureAlgorithms }: ClientHello): string {
  const lists = [ciphers.length, ...ciphers, extensions.length, ...extensions, ...signatureAlgorithms];
  const key = String.fromCharCode(...lists);
  let hashes = known.get(key);
  if (hashes === undefined) {
    hashes = makeHashes(ciphers, extensions, signatureAlgorithms);
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(key, hashes);
  }
  return hashes;
}

function makeHashes(ciphers: number[], extensions: number[], signatureAlgorithms: number[]): string {
  const sorted = hexList([...ciphers].sort(ascending));
  const hashed = extensions.filter((type) => !EXTENSIONS_LEFT_OUT.includes(type)).sort(ascending);
  const signatures = hexList(signatureAlgorithms);
  const text = signatures === '' ? hexList(hashed) : `${hexList(hashed)}_${signatures}`;
  return `_${sorted === '' ? NO_HASH : hash(sorted)}_${hashed.length === 0 ? NO_HASH : hash(text)}`;
}

function count(list: readonly number[]): string {
  return String(Math.min(list.length, COUNT_MAX)).padStart(2, '0');
}

/** First and last character of the first protocol, of its hexadecimal digits where either is no letter or digit. */
function alpnEnds(bytes: Uint8Array | null): string {
  const first = bytes?.[0];
  const last = bytes?.at(-1);
  if (first === undefined || last === undefined) return '00';
  if (isAlphanumeric(first) && isAlphanumeric(last)) return String.fromCharCode(first, last);
  return (first >> 4).toString(16) + (last & 0x0f).toString(16);
}

function isAlphanumeric(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function hexList(values: readonly number[]): string {
  return values.map((value) => value.toString(16).padStart(4, '0')).join(',');
}

function ascending(one: number, other: number): number {
  return one - other;
}

function hash(text: string): string {
  return sha('sha256', text, 'hex').slice(0, HASH_LENGTH);
}
