/**
 * Reads in network byte order. Every caller has checked that the bytes are there. Indexing a Buffer compiles to plain
 * loads; `readUInt32BE` and DataView check their arguments once more on every call.
 */

export function uint16(buffer: Uint8Array, offset: number): number {
  return (buffer[offset]! << 8) | buffer[offset + 1]!;
}

export function uint24(buffer: Uint8Array, offset: number): number {
  return (buffer[offset]! << 16) | (buffer[offset + 1]! << 8) | buffer[offset + 2]!;
}

export function uint32(buffer: Uint8Array, offset: number): number {
  return (
    ((buffer[offset]! << 24) | (buffer[offset + 1]! << 16) | (buffer[offset + 2]! << 8) | buffer[offset + 3]!) >>> 0
  );
}

/** A copy of `length` bytes, for the few fields that outlive the frame. */
export function copyBytes(buffer: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = buffer[offset + i]!;
  return bytes;
}
