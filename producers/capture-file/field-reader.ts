/** Reads fields of a capture file in its byte order. Callers have checked that the bytes are there. */

export function fieldUint16(buffer: Uint8Array, offset: number, littleEndian: boolean): number {
  return littleEndian ? buffer[offset]! | (buffer[offset + 1]! << 8) : (buffer[offset]! << 8) | buffer[offset + 1]!;
}

export function fieldUint32(buffer: Uint8Array, offset: number, littleEndian: boolean): number {
  const value = littleEndian
    ? buffer[offset]! | (buffer[offset + 1]! << 8) | (buffer[offset + 2]! << 16) | (buffer[offset + 3]! << 24)
    : (buffer[offset]! << 24) | (buffer[offset + 1]! << 16) | (buffer[offset + 2]! << 8) | buffer[offset + 3]!;
  return value >>> 0;
}

/** An unsigned 64-bit counter; beyond 2⁵³ the nearest double. */
export function fieldUint64(buffer: Uint8Array, offset: number, littleEndian: boolean): number {
  const first = fieldUint32(buffer, offset, littleEndian);
  const second = fieldUint32(buffer, offset + 4, littleEndian);
  return littleEndian ? second * 0x100000000 + first : first * 0x100000000 + second;
}

/** A signed 64-bit number; exact within ±2⁵³. */
export function fieldInt64(buffer: Uint8Array, offset: number, littleEndian: boolean): number {
  const high = fieldUint32(buffer, littleEndian ? offset + 4 : offset, littleEndian) | 0;
  return high * 0x100000000 + fieldUint32(buffer, littleEndian ? offset : offset + 4, littleEndian);
}
