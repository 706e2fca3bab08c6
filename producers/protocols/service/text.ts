/** Texts that strangers sent, made safe: printable ASCII, all other bytes as `\DDD` (RFC 1035 section 5.1), cut to a limit. */

const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ESCAPE_LENGTH = 4;

const { latin1Slice } = Buffer.prototype;

/** Bytes `from … to - 1` as a text of at most `limit` characters, of whole escapes. Spaces stay spaces. */
export function printable(buffer: Uint8Array, from: number, to: number, limit: number): string {
  let plain = from;
  while (plain < to && isPlain(buffer[plain]!)) plain++;
  if (plain >= to || plain - from >= limit) return latin1(buffer, from, plain, limit);
  let text = '';
  for (let at = from; at < to; at++) {
    const byte = buffer[at]!;
    if (isPlain(byte)) text += String.fromCharCode(byte);
    else if (text.length + ESCAPE_LENGTH > limit) break;
    else text += `\\${String(byte).padStart(3, '0')}`;
    if (text.length >= limit) break;
  }
  return text;
}

/** Whether a byte stands for itself. */
function isPlain(byte: number): boolean {
  return byte >= SPACE && byte < 0x7f && byte !== BACKSLASH;
}

/** Where the line that begins at `from` ends: at its line feed, or the carriage return before that, or `end`. */
export function endOfLine(buffer: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && buffer[at] !== 0x0a) at++;
  return at > from && buffer[at - 1] === 0x0d ? at - 1 : at;
}

/** The start of a payload as a string of bytes, for patterns. At most `limit` bytes. */
export function latin1(buffer: Uint8Array, from: number, to: number, limit: number): string {
  // Without a Buffer of its own, whose making costs more than the text.
  return latin1Slice.call(buffer, from, Math.max(from, Math.min(to, from + limit)));
}

export function startsWith(buffer: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start < text.length) return false;
  for (let i = 0; i < text.length; i++) if (buffer[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
