/** Undoes gzip and Zstandard, told by the first bytes, so that captures can be kept packed. */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { CaptureFailureCode } from './failure.js';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Bytes needed to tell. */
export const COMPRESSION_MAGIC_LENGTH = 4;

/** RFC 1952 section 2.3.1, RFC 8878 section 3.1.1. */
export function compressionOf(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  return 'none';
}

/** Node has Zstandard from 22.15 and 23.8 on. */
interface ZstdPlatform {
  readonly createZstdDecompress?: (options?: { readonly chunkSize?: number }) => Transform;
}

/** A transform of packed to plain bytes, or why there is none. */
export function decompressor(
  compression: Exclude<Compression, 'none'>,
  chunkSize: number,
): Transform | { readonly code: CaptureFailureCode; readonly message: string } {
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize });
  const create = (zlib as ZstdPlatform).createZstdDecompress;
  if (create !== undefined) return create({ chunkSize });
  return {
    code: 'compression_unsupported',
    message: `compressed with zstd, which Node ${process.versions.node} cannot read: use Node 22.15 or later, or unpack it with: zstd -d`,
  };
}
