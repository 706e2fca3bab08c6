/** Fields of the application layer as text. They come from strangers: length and characters are held to what is safe. */
import { APPLICATION_STRING_MAX, type Application } from '../../schemas/packet-block.js';

export const NO_FIELDS: Omit<Application, 'protocol'> = {
  dnsQuery: null,
  dnsType: null,
  tlsServerName: null,
  httpHost: null,
  dhcpMessageType: null,
  dhcpHostname: null,
};

/** Bytes `from … to - 1` as text of at most `APPLICATION_STRING_MAX` characters; what is not printable ASCII is `\DDD`. */
export function printableText(buffer: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let offset = from; offset < to; offset++) {
    const piece = printableCharacter(buffer[offset]!);
    if (text.length + piece.length > APPLICATION_STRING_MAX) break;
    text += piece;
  }
  return text;
}

/** One byte as RFC 1035 section 5.1 writes it: `\DDD` in decimal unless it is printable ASCII. */
export function printableCharacter(byte: number): string {
  if (byte > 0x20 && byte < 0x7f && byte !== 0x5c) return String.fromCharCode(byte);
  return `\\${String(byte).padStart(3, '0')}`;
}
