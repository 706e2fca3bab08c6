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

/** A session setup with an NTLM AUTHENTICATE message (MS-NLMP section 2.2.1.3) somewhere in its security blob. */
export function smbSessionSetup(version: 1 | 2, domain: string, user: string): Buffer {
  const names = [domain, user].map((name) => Buffer.from(name, 'utf16le'));
  const message = Buffer.alloc(64);
  message.write('NTLMSSP\0\x03', 'latin1');
  let offset = message.length;
  for (const [index, name] of names.entries()) {
    message.writeUInt16LE(name.length, 28 + 8 * index);
    message.writeUInt16LE(name.length, 30 + 8 * index);
    message.writeUInt32LE(offset, 32 + 8 * index);
    offset += name.length;
  }
  message.writeUInt32LE(1, 60);
  const header = Buffer.alloc(4 + (version === 2 ? 64 + 24 : 32 + 27));
  header.write(version === 2 ? '\xfeSMB' : '\xffSMB\x73', 4, 'latin1');
  if (version === 2) header.writeUInt16LE(1, 4 + 12);
  const wrapping = Buffer.from('a1820100308200fca0030a0101a2', 'hex');
  const packet = Buffer.concat([header, wrapping, message, ...names]);
  packet.writeUInt32BE(packet.length - 4, 0);
  return packet;
}
