/** Initial packets of a QUIC client, protected as RFC 9001 section 5 says: test data for readers that undo it. */
import { createCipheriv } from 'node:crypto';
import { clientInitialKeys, quicVersion } from '../../producers/protocols/service/quic-keys.js';

export const QUIC_VERSION_1 = 0x00000001;
export const QUIC_VERSION_2 = 0x6b3343cf;

export interface QuicInitialOptions {
  readonly connectionId: Uint8Array;
  readonly version?: number;
  readonly packetNumber?: number;
  readonly token?: Uint8Array;
  /** Length of the datagram; padding frames fill it up. 1,200 by default, as clients must. */
  readonly length?: number;
}

/** A CRYPTO frame, RFC 9000 section 19.6. */
export function cryptoFrame(offset: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x06]), variable(offset), variable(data.length), data]);
}

export function quicInitial(options: QuicInitialOptions, frames: Uint8Array): Buffer {
  const {
    connectionId,
    version = QUIC_VERSION_1,
    packetNumber = 1,
    token = new Uint8Array(0),
    length = 1200,
  } = options;
  const known = quicVersion(version)!;
  const number = Buffer.alloc(4);
  number.writeUInt32BE(packetNumber);
  const versionBytes = Buffer.alloc(4);
  versionBytes.writeUInt32BE(version);
  const before = Buffer.concat([
    Buffer.from([0xc0 | known.initialType | 3]),
    versionBytes,
    Buffer.from([connectionId.length]),
    connectionId,
    Buffer.from([0]), // no source connection id
    variable(token.length),
    token,
  ]);
  const plain = Buffer.alloc(Math.max(frames.length, length - before.length - 2 - number.length - 16));
  plain.set(frames);
  const header = Buffer.concat([before, twoBytes(number.length + plain.length + 16), number]);
  const { key, iv, headerProtection } = clientInitialKeys(known, connectionId);
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ packetNumber) >>> 0, 8);
  const cipher = createCipheriv('aes-128-gcm', key, nonce).setAAD(header);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const mask = createCipheriv('aes-128-ecb', headerProtection, null).update(sealed.subarray(0, 16));
  header[0]! ^= mask[0]! & 0x0f;
  for (let i = 0; i < 4; i++) header[header.length - 4 + i]! ^= mask[1 + i]!;
  return Buffer.concat([header, sealed]);
}

function variable(value: number): Buffer {
  return value < 64 ? Buffer.from([value]) : twoBytes(value);
}

function twoBytes(value: number): Buffer {
  return Buffer.from([0x40 | (value >> 8), value & 0xff]);
}
