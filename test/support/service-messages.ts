/** First messages of services beside those in application-messages.ts: SSH, RDP, SMB. */

/** A KEXINIT in an SSH packet, RFC 4253 section 7.1: lists by their place, the rest empty. */
export function sshKeyExchange(lists: Readonly<Record<number, string>>): Buffer {
  const strings = Array.from({ length: 10 }, (_, index) => {
    const text = Buffer.from(lists[index] ?? '', 'latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([length, text]);
  });
  const message = Buffer.concat([Buffer.from([20]), Buffer.alloc(16, 0xc0), ...strings, Buffer.alloc(5)]);
  const padding = 8;
  const packet = Buffer.concat([Buffer.alloc(4), Buffer.from([padding]), message, Buffer.alloc(padding)]);
  packet.writeUInt32BE(packet.length - 4);
  return packet;
}

/** TPKT around an X.224 connection request or confirm, MS-RDPBCGR section 2.2.1. */
export function rdpConnection(kind: 'request' | 'confirm', variable: Uint8Array): Buffer {
  const length = 11 + variable.length;
  const fixed = [3, 0, length >> 8, length & 255, length - 5, kind === 'request' ? 0xe0 : 0xd0, 0, 0, 0, 0, 0];
  return Buffer.concat([Buffer.from(fixed), variable]);
}

/** The response to a negotiate request: SMB 2 with a dialect, or SMB 1 with 17 parameter words. */
export function smbNegotiated(dialect: number | 'NT LM 0.12'): Buffer {
  const isV2 = typeof dialect === 'number';
  const header = Buffer.alloc(4 + (isV2 ? 64 + 65 : 32 + 35));
  header.writeUInt32BE(header.length - 4, 0);
  header.write(isV2 ? '\xfeSMB' : '\xffSMB\x72', 4, 'latin1');
  if (isV2) {
    header.writeUInt32LE(1, 4 + 16);
    header.writeUInt16LE(dialect, 4 + 64 + 4);
  } else {
    header[4 + 9] = 0x88;
    header[4 + 32] = 17;
  }
  return header;
}
