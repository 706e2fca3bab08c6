/** Names, services and logins of conversations. */
import { expect, it } from 'vitest';
import { TCP_ACK, TCP_SYN } from '../../../schemas/packets/packet-block.js';
import { ConversationTap } from '../../support/conversation-tap.js';
import { ipv4, type NetworkPacket } from '../../support/ip-packets.js';
import { tcp, udp } from '../../support/transport-segments.js';

const START = 1_700_000_000_000_000;
const CLIENT = '192.0.2.1';
const SERVER = '198.51.100.2';

function segment(port: number, from: 'client' | 'server', text: string, flags = TCP_ACK): NetworkPacket {
  const isClient = from === 'client';
  return ipv4(
    { source: isClient ? CLIENT : SERVER, destination: isClient ? SERVER : CLIENT },
    tcp({ sourcePort: isClient ? 40_000 : port, destinationPort: isClient ? port : 40_000, flags }, Buffer.from(text)),
  );
}

function handshake(tap: ConversationTap, port: number): void {
  tap.see(segment(port, 'client', '', TCP_SYN), START);
  tap.see(segment(port, 'server', '', TCP_SYN | TCP_ACK), START);
}

it('logins that FTP refuses and takes are counted through a whole conversation, by what is said, whatever the port', () => {
  const tap = new ConversationTap();
  handshake(tap, 2121);
  tap.see(segment(2121, 'server', '220 FTP ready\r\n'), START);
  for (let attempt = 0; attempt < 20; attempt++) {
    tap.see(segment(2121, 'client', 'USER root\r\n'), START);
    tap.see(segment(2121, 'server', '331 Password required\r\n'), START);
    tap.see(segment(2121, 'client', 'PASS secret\r\n'), START);
    tap.see(segment(2121, 'server', attempt < 19 ? '530 Login incorrect\r\n' : '230 Logged in\r\n'), START);
  }
  tap.finish();
  expect(tap.conversations.at(-1)).toMatchObject({ service: 'ftp', loginsFailed: 19, loginsSucceeded: 1 });
  expect(tap.conversations.at(-1)?.names).toMatchObject({ user: 'root', greeting: '220 FTP ready' });
  expect(JSON.stringify(tap.conversations)).not.toContain('secret');
});

it('what nobody says is told by the port, once the responder has spoken', () => {
  const tap = new ConversationTap();
  tap.see(segment(443, 'client', '', TCP_SYN), START);
  handshake(tap, 5432);
  tap.finish();
  expect(tap.conversations.map(({ event, service }) => `${event} ${service}`)).toEqual([
    'answered postgresql',
    'ended ',
    'ended postgresql',
  ]);
});

it('the question and the answer of DNS, of each conversation of the same ends anew', () => {
  const tap = new ConversationTap();
  const question = Buffer.from('12340100000100000000000003777777076578616d706c6503636f6d0000010001', 'hex');
  const answer = Buffer.from(question);
  answer.writeUInt16BE(0x8183, 2);
  for (const start of [START, START + 120_000_000]) {
    tap.see(
      ipv4({ source: CLIENT, destination: SERVER }, udp({ sourcePort: 40_000, destinationPort: 53 }, question)),
      start,
    );
    tap.see(
      ipv4({ source: SERVER, destination: CLIENT }, udp({ sourcePort: 53, destinationPort: 40_000 }, answer)),
      start + 1000,
    );
  }
  tap.finish();
  const ended = tap.conversations.filter(({ event }) => event === 'ended');
  expect(ended).toHaveLength(2);
  for (const { service, names } of ended) {
    expect(service).toBe('dns');
    expect(names).toEqual({
      dnsQuestion: 'www.example.com',
      dnsType: 'A',
      dnsResponseCode: 'NXDOMAIN',
      dnsAnswers: 0,
    });
  }
});
