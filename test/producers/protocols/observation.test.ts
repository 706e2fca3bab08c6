/** Observations read off whole frames, as the decoder meets them, and nothing of what was cut away. */
import { describe, expect, it } from 'vitest';
import { Dissection, decodeFrame } from '../../../producers/decoding/decoder.js';
import type { Observation } from '../../../schemas/observations/observation.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { DHCP_MESSAGE_TYPE, dhcp, dnsQuery, dnsResponse } from '../../support/application-messages.js';
import { ethernet, LINK_TYPE, qinq } from '../../support/frames.js';
import { ipv4, ipv6 } from '../../support/ip-packets.js';
import { icmp, icmpv6, neighborAdvertisement, tcp, udp } from '../../support/transport-segments.js';

const MAC = '02:00:5e:10:00:01';
const MAC_NUMBER = 0x02005e100001;
const client = { source: '10.0.0.5', destination: '10.0.0.1' };
const server = { source: '10.0.0.1', destination: '10.0.0.5' };

function observations(frame: Uint8Array, observe = true): readonly Observation[] {
  const block = new PacketBlock(1);
  const origin = block.originIndex({
    captureNode: 'test',
    interface: 'test',
    linkType: LINK_TYPE.ethernet,
    timeline: '',
    sampling: 'none',
    samplingRate: 1,
  });
  const dissection = new Dissection({ observe });
  decodeFrame(block, LINK_TYPE.ethernet, frame, 0, frame.length, frame.length, 1000, origin, dissection);
  return block.observations;
}

describe('an observation', () => {
  it('is made only when asked for', () => {
    const frame = ethernet(
      {},
      ipv4(client, udp({ sourcePort: 40000, destinationPort: 53 }, dnsQuery({ id: 7, name: 'a.example' }))),
    );
    expect(observations(frame, false)).toEqual([]);
    expect(observations(frame)).toHaveLength(1);
  });

  it('names the packet it is of: time, tag and addresses; those of a link its card, too', () => {
    const message = dnsQuery({ id: 7, name: 'a.example' });
    const packet = ipv4(client, udp({ sourcePort: 40000, destinationPort: 53 }, message));
    expect(observations(ethernet({ source: MAC }, qinq(118, 10, packet)))[0]).toMatchObject({
      row: 0,
      origin: 0,
      time: 1000,
      vlan: 118,
      mac: 0,
      source: '10.0.0.5',
      destination: '10.0.0.1',
    });
  });

  it('tells a question and its answer', () => {
    const question = { id: 7, name: 'Mail.Example', type: 1 };
    const message = dnsQuery(question);
    expect(
      observations(ethernet({}, ipv4(client, udp({ sourcePort: 40000, destinationPort: 53 }, message))))[0],
    ).toMatchObject({
      kind: 'dns',
      response: false,
      transactionId: 7,
      question: 'mail.example',
      type: 1,
      clientPort: 40000,
      size: message.length,
    });
    const answer = (...addresses: string[]): Observation =>
      observations(
        ethernet(
          {},
          ipv4(
            server,
            udp(
              { sourcePort: 53, destinationPort: 40000 },
              dnsResponse(
                question,
                addresses.map((address) => ({ address })),
              ),
            ),
          ),
        ),
      )[0]!;
    const first = answer('192.0.2.1', '192.0.2.2');
    expect(first).toMatchObject({
      response: true,
      responseCode: 0,
      answers: 2,
      clientPort: 40000,
      question: 'mail.example',
    });
    expect(answer('192.0.2.2', '192.0.2.1')).toEqual(first);
    expect(answer('192.0.2.3', '192.0.2.1')).not.toEqual(first);
  });

  it('tells what DHCP gives away', () => {
    const offer = dhcp({
      messageType: DHCP_MESSAGE_TYPE.offer,
      clientMac: MAC,
      transactionId: 9,
      yourAddress: '10.0.0.77',
    });
    expect(
      observations(ethernet({}, ipv4(server, udp({ sourcePort: 67, destinationPort: 68 }, offer))))[0],
    ).toMatchObject({
      kind: 'dhcp',
      messageType: 2,
      transactionId: 9,
      clientMac: MAC_NUMBER,
      address: '10.0.0.77',
    });
  });

  it('knows an echo that comes back as it went, and one that does not', () => {
    const data = Buffer.from('abcdefghijklmnopq');
    const echo = (type: number, payload: Buffer): Observation =>
      observations(ethernet({}, ipv4(client, icmp({ type, rest: 0x00050002 }, payload))))[0]!;
    const request = echo(8, data);
    expect(request).toMatchObject({ kind: 'echo', reply: false, identifier: 5, sequence: 2, size: 17 });
    expect(echo(0, data)).toMatchObject({ reply: true, sum: (request as { sum: number }).sum });
    expect((echo(0, Buffer.from('abcdefghijklmnoXX')) as { sum: number }).sum).not.toBe(
      (request as { sum: number }).sum,
    );
    const sixth = (type: number): Observation =>
      observations(
        ethernet({}, ipv6({ source: 'fe80::5', destination: 'fe80::1' }, icmpv6({ type, rest: 0x00050002 }, data))),
      )[0]!;
    expect((sixth(129) as { sum: number }).sum).toBe((sixth(128) as { sum: number }).sum);
  });

  it('tells who routes', () => {
    const link = { source: 'fe80::66', destination: 'ff02::1', hopLimit: 255 };
    const prefix = Buffer.concat([
      Buffer.from('0304404000000000000000000000000020010db8000a000100', 'hex'),
      Buffer.alloc(7),
    ]);
    const advertisement = Buffer.concat([Buffer.alloc(8), prefix]);
    expect(
      observations(ethernet({}, ipv6(link, icmpv6({ type: 134, rest: 0x40000708 }, advertisement))))[0],
    ).toMatchObject({
      kind: 'router',
      lifetime: 1800,
      source: 'fe80::66',
    });
  });

  it('is nothing of traffic that says nothing of the network', () => {
    expect(observations(ethernet({}, ipv4(client, tcp({ sourcePort: 40000, destinationPort: 443 }))))).toEqual([]);
  });

  it('is nothing, and no fault, of messages that were cut anywhere', () => {
    const frames = [
      ethernet(
        {},
        ipv4(
          server,
          udp(
            { sourcePort: 53, destinationPort: 9 },
            dnsResponse({ id: 1, name: 'a.b.c' }, [{ address: '192.0.2.1' }]),
          ),
        ),
      ),
      ethernet(
        {},
        ipv4(server, udp({ sourcePort: 67, destinationPort: 68 }, dhcp({ messageType: 2, clientMac: MAC }))),
      ),
      ethernet({}, ipv4(client, icmp({ type: 8, rest: 1 }, Buffer.alloc(20)))),
      ethernet({}, ipv6({ source: 'fe80::5', destination: 'fe80::1' }, neighborAdvertisement('fe80::1', MAC))),
    ];
    for (const frame of frames) {
      for (let length = 0; length < frame.length; length++) {
        const block = new PacketBlock(1);
        const origin = block.originIndex({
          captureNode: '',
          interface: '',
          linkType: 1,
          timeline: '',
          sampling: 'none',
          samplingRate: 1,
        });
        const dissection = new Dissection({ observe: true });
        const cut = Uint8Array.prototype.slice.call(frame, 0, length);
        expect(() => decodeFrame(block, 1, cut, 0, length, frame.length, 1, origin, dissection)).not.toThrow();
      }
    }
  });
});
