/**
 * Keys of QUIC's Initial packets, which anybody who sees the packet can work out: RFC 9001 section 5.2 for version 1, RFC
 * 9369 section 3.3 for version 2.
 */
import { createHmac } from 'node:crypto';

export interface InitialKeys {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly headerProtection: Buffer;
}

export interface QuicVersion {
  /** Bits of the first byte that say Initial. */
  readonly initialType: number;
  readonly salt: Buffer;
  readonly labels: { readonly key: string; readonly iv: string; readonly headerProtection: string };
}

const VERSION_1: QuicVersion = {
  initialType: 0x00,
  salt: Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex'),
  labels: { key: 'quic key', iv: 'quic iv', headerProtection: 'quic hp' },
};
const VERSION_2: QuicVersion = {
  initialType: 0x10,
  salt: Buffer.from('0dede3def700a6db819381be6e269dcbf9bd2ed9', 'hex'),
  labels: { key: 'quicv2 key', iv: 'quicv2 iv', headerProtection: 'quicv2 hp' },
};

const HASH_LENGTH = 32;
const KEY_LENGTH = 16;
const IV_LENGTH = 12;

/** What differs between the versions that can be read; null for others. */
export function quicVersion(version: number): QuicVersion | null {
  if (version === 0x00000001) return VERSION_1;
  return version === 0x6b3343cf ? VERSION_2 : null;
}

/** The keys of what the client sends to the connection id that it made up. */
export function clientInitialKeys({ salt, labels }: QuicVersion, destinationConnectionId: Uint8Array): InitialKeys {
  const initial = hmac(salt, destinationConnectionId);
  const client = expandLabel(initial, 'client in', HASH_LENGTH);
  return {
    key: expandLabel(client, labels.key, KEY_LENGTH),
    iv: expandLabel(client, labels.iv, IV_LENGTH),
    headerProtection: expandLabel(client, labels.headerProtection, KEY_LENGTH),
  };
}

/** HKDF-Expand-Label of RFC 8446 section 7.1 without a context; one round of HKDF gives as much as is asked for. */
function expandLabel(secret: Buffer, label: string, length: number): Buffer {
  const full = Buffer.from(`tls13 ${label}`, 'latin1');
  const info = Buffer.concat([Buffer.from([0, length, full.length]), full, Buffer.from([0, 1])]);
  return hmac(secret, info).subarray(0, length);
}

function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
