import { describe, expect, it } from 'vitest';
import { clientInitialKeys, quicVersion } from '../../../../producers/protocols/service/quic-keys.js';
import { tlsClientHello } from '../../../support/application-messages.js';
import { cryptoFrame, QUIC_VERSION_1, QUIC_VERSION_2, quicInitial } from '../../../support/quic-packets.js';
import { Dialogue } from '../../../support/service-dialogue.js';

/** The connection id of the examples of RFC 9001 appendix A and RFC 9369 appendix A. */
const EXAMPLE_ID = Buffer.from('8394c8f03e515708', 'hex');
/** A handshake message, without the record that TLS over TCP puts around it. */
const HELLO = tlsClientHello('video.example.org', { protocols: ['h3', 'h2'] }).subarray(5);
const LARGE_HELLO = tlsClientHello('video.example.org', { keyShareLength: 1216, nameLast: true }).subarray(5);
const NAMED = { service: 'quic', serverName: 'video.example.org' };
const connectionId = Buffer.from('0102030405060708', 'hex');

function hex({ key, iv, headerProtection }: ReturnType<typeof clientInitialKeys>): string[] {
  return [key, iv, headerProtection].map((bytes) => bytes.toString('hex'));
}

describe('keys of Initial packets', () => {
  it('are those of the example of RFC 9001, appendix A.1', () => {
    expect(hex(clientInitialKeys(quicVersion(QUIC_VERSION_1)!, EXAMPLE_ID))).toEqual([
      '1f369613dd76d5467730efcbe3b1a22d',
      'fa044b2f42a3fd3b46fb255c',
      '9f50449e04a0e810283a1e9933adedd2',
    ]);
  });

  it('are those of the example of RFC 9369, appendix A.1', () => {
    expect(hex(clientInitialKeys(quicVersion(QUIC_VERSION_2)!, EXAMPLE_ID))).toEqual([
      '8b1a0bc121284290a29e0971b5cd045d',
      '91f73e2351d8fa91660e909f',
      '45b95e15235d6f45a6b19cbcb0294ba9',
    ]);
  });
});

describe('a ClientHello in QUIC', () => {
  it.each([
    ['version 1', QUIC_VERSION_1],
    ['version 2', QUIC_VERSION_2],
  ])('is read: %s', (_, version) => {
    const packet = quicInitial({ connectionId, version, token: Buffer.alloc(70, 9) }, cryptoFrame(0, HELLO));
    const facts = new Dialogue(443, 17).client(packet);
    expect(facts).toMatchObject({ ...NAMED, alpn: 'h3' });
    expect(facts?.ja4).toMatch(/^q13d0306h3_[0-9a-f]{12}_[0-9a-f]{12}$/);
  });

  it('is read from pieces in any order, between frames of other kinds', () => {
    const acknowledgment = Buffer.from('0200000101020304', 'hex').subarray(0, 7);
    const pieces = Buffer.concat([
      cryptoFrame(100, HELLO.subarray(100)),
      Buffer.from([1, 0, 0]),
      acknowledgment,
      cryptoFrame(40, HELLO.subarray(40, 100)),
      cryptoFrame(0, HELLO.subarray(0, 50)),
    ]);
    expect(new Dialogue(443, 17).client(quicInitial({ connectionId }, pieces))).toMatchObject(NAMED);
  });

  it('is put together from two datagrams, in either order, and from packets of one', () => {
    const packets = [
      quicInitial({ connectionId, packetNumber: 0 }, cryptoFrame(0, LARGE_HELLO.subarray(0, 900))),
      quicInitial({ connectionId, packetNumber: 1 }, cryptoFrame(900, LARGE_HELLO.subarray(900))),
    ];
    for (const order of [packets, [...packets].reverse()]) {
      const dialogue = new Dialogue(443, 17);
      expect(dialogue.client(order[0]!)).toEqual({ service: 'quic', state: 0 });
      expect(dialogue.client(order[1]!)).toMatchObject({ ...NAMED, ja4: expect.stringMatching(/^q13d0305/) });
    }
    const halves = [0, 100].map((offset, index) => {
      const data = HELLO.subarray(offset, index === 0 ? 100 : HELLO.length);
      return quicInitial({ connectionId, packetNumber: index, length: 0 }, cryptoFrame(offset, data));
    });
    expect(new Dialogue(443, 17).client(Buffer.concat(halves))).toMatchObject(NAMED);
  });

  it('is not looked for in what does not authenticate, is cut, or comes from the server', () => {
    const packet = quicInitial({ connectionId }, cryptoFrame(0, HELLO));
    const nothing = { service: 'quic', state: 0 };
    const changed = Buffer.from(packet);
    changed[700]! ^= 1;
    expect(new Dialogue(443, 17).client(changed)).toEqual(nothing);
    expect(new Dialogue(443, 17).client(packet.subarray(0, 1000))).toEqual(nothing);
    expect(new Dialogue(443, 17).server(packet)).toEqual(nothing);
    const short = Buffer.concat([Buffer.from([0x40]), packet.subarray(1)]);
    expect(new Dialogue(443, 17).client(short)).toBeNull();
  });

  it('costs no more than a bound a second of the capture', () => {
    const dialogue = new Dialogue(443, 17);
    const packet = quicInitial({ connectionId }, cryptoFrame(0, HELLO));
    for (let sent = 0; sent < 2000; sent++) expect(dialogue.client(packet, 1)?.serverName).toBeDefined();
    expect(dialogue.client(packet, 2)?.serverName).toBeUndefined();
    expect(dialogue.client(packet, 1_000_000)?.serverName).toBeDefined();
  });
});
