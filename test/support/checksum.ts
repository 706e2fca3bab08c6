/** The Internet checksum, RFC 1071, and CRC-32c as SCTP uses it (RFC 9260 appendix A). */

/** Ones' complement of the ones' complement sum of the parts joined; an odd length is padded with a zero byte. */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  return ~internetSum(...parts) & 0xffff;
}

/** The folded 16-bit ones' complement sum of the parts joined, not inverted. */
export function internetSum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  let high = true;
  for (const part of parts) {
    for (const byte of part) {
      sum += high ? byte << 8 : byte;
      high = !high;
    }
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** Castagnoli's CRC; SCTP writes it in little-endian order. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC32C_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
