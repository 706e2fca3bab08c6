/** Keys between their three forms: the columns of a block, four words of the key table, and text. */
import { formatIpv4, formatIpv6 } from '../../schemas/address.js';
import { ADDRESS_IPV4, ADDRESS_IPV6 } from '../../schemas/packets/packet-block.js';
import { ipAddresses } from '../contract/ip-addresses.js';
import { KEY_TARGET, KEY_TEXT } from './key-table.js';

/** The words of an address; reused, because there is one for every run of packets. */
export class KeyWords {
  kind = 0;
  readonly words = new Uint32Array(4);
  private readonly masks: Uint32Array;
  /** The text that was set last, and its words: rows of one host come together. */
  private text: string | null = null;
  private readonly textWords = new Uint32Array(4);

  /** IPv6 addresses are cut to so many bits, 1 … 128. */
  constructor(private readonly ipv6PrefixBits: number) {
    this.masks = Uint32Array.from([0, 32, 64, 96], (start) => {
      const bits = Math.min(32, Math.max(0, ipv6PrefixBits - start));
      return bits === 0 ? 0 : 0xffffffff << (32 - bits);
    });
  }

  setIpv4(address: number): void {
    this.kind = ADDRESS_IPV4;
    this.words[0] = address;
    this.words[1] = 0;
    this.words[2] = 0;
    this.words[3] = 0;
  }

  setIpv6(bytes: Uint8Array, offset: number): void {
    this.kind = ADDRESS_IPV6;
    for (let i = 0; i < 4; i++) {
      const at = offset + i * 4;
      const word = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
      this.words[i] = word & this.masks[i]!;
    }
  }

  /** An address as conversations have it: its kind, then its bytes. False when it is none of IP. */
  setSlot(bytes: Uint8Array, offset: number): boolean {
    const kind = bytes[offset]!;
    if (kind === ADDRESS_IPV6) this.setIpv6(bytes, offset + 1);
    else if (kind === ADDRESS_IPV4) {
      const at = offset + 1;
      this.setIpv4(((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0);
    } else return false;
    return true;
  }

  /** Words of the key table. */
  copy(kind: number, words: Uint32Array, offset: number): boolean {
    this.kind = kind;
    for (let i = 0; i < 4; i++) this.words[i] = words[offset + i]!;
    return true;
  }

  /** The same address, watched as a target. */
  asTarget(): void {
    this.kind |= KEY_TARGET;
  }

  /** 128 bits of a text: four runs of FNV-1a with a finaliser, from different beginnings. */
  setText(text: string): void {
    this.kind = KEY_TEXT;
    if (text !== this.text) this.hashText(text);
    for (let i = 0; i < 4; i++) this.words[i] = this.textWords[i]!;
  }

  private hashText(text: string): void {
    this.text = text;
    let h0 = (0x811c9dc5 ^ 0x9e3779b1) | 0;
    let h1 = (0x811c9dc5 ^ Math.imul(2, 0x9e3779b1)) | 0;
    let h2 = (0x811c9dc5 ^ Math.imul(3, 0x9e3779b1)) | 0;
    let h3 = (0x811c9dc5 ^ Math.imul(4, 0x9e3779b1)) | 0;
    for (let at = 0; at < text.length; at++) {
      const character = text.charCodeAt(at);
      h0 = Math.imul(h0 ^ character, 0x01000193);
      h1 = Math.imul(h1 ^ character, 0x01000195);
      h2 = Math.imul(h2 ^ character, 0x01000197);
      h3 = Math.imul(h3 ^ character, 0x01000199);
    }
    this.textWords[0] = finished(h0);
    this.textWords[1] = finished(h1);
    this.textWords[2] = finished(h2);
    this.textWords[3] = finished(h3);
  }

  /** Reads what `format` wrote; false when the text is no such source. */
  parse(text: string): boolean {
    const ipaddr = ipAddresses();
    const address = text.split('/')[0]!;
    if (!ipaddr.isValid(address)) return false;
    const bytes = Uint8Array.from(ipaddr.parse(address).toByteArray());
    if (bytes.length === 16) this.setIpv6(bytes, 0);
    else this.setIpv4(((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0);
    return true;
  }

  /** The text of a source whose words stand at `offset`. */
  format(kind: number, words: Uint32Array, offset: number): string {
    if ((kind & ~KEY_TARGET) === ADDRESS_IPV4) return formatIpv4(words[offset]!);
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 4; i++) view.setUint32(i * 4, words[offset + i]!);
    return this.ipv6PrefixBits === 128 ? formatIpv6(bytes) : `${formatIpv6(bytes)}/${this.ipv6PrefixBits}`;
  }
}

function finished(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
