/** Headers of stored packets rebuilt: lengths that a reader takes for options, payload and padding. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PCAP_HEADER, type StoredPacket, writePcapRecord } from '../../../api/export/packet-headers.js';
import { requireTool } from '../../support/requirement.js';

const SYN = 2;
const ACK = 16;
const RECORD = 16;
const ETHERNET = 14;

function packet(changes: Partial<StoredPacket>): StoredPacket {
  return {
    micros: '1772355600000000',
    frame_length: 74,
    source_mac: '02:00:00:00:00:01',
    destination_mac: '02:00:00:00:00:02',
    vlan: null,
    inner_vlan: null,
    ether_type: 0x0800,
    source: '10.0.0.1',
    destination: '192.0.2.1',
    ip_protocol: 6,
    ttl: 64,
    ip_id: null,
    fragment_offset: null,
    source_port: 40_000,
    destination_port: 443,
    tcp_flags: SYN,
    tcp_sequence: '1',
    icmp_type: null,
    icmp_code: null,
    arp_operation: null,
    details: null,
    ...changes,
  };
}

const V6 = { ether_type: 0x86dd, source: '2001:db8::1', destination: '2001:db8::2' };
/** What is stored; bytes of the TCP header and behind it, as they are read. */
const CASES: readonly (readonly [string, Partial<StoredPacket>, number, number])[] = [
  ['a SYN with twenty bytes of options', {}, 40, 0],
  ['one that Ethernet padded to 60', { frame_length: 60 }, 24, 0],
  ['one without options on a link that pads nothing', { frame_length: 54 }, 20, 0],
  ['its answer', { tcp_flags: SYN | ACK, frame_length: 66 }, 32, 0],
  ['one with a VLAN tag', { vlan: 7, frame_length: 78 }, 40, 0],
  ['one of IPv6', { ...V6, frame_length: 94 }, 40, 0],
  ['one that must have data', { frame_length: 300 }, 20, 246],
  ['a segment, whose options nobody knows', { tcp_flags: ACK, frame_length: 1514 }, 20, 1460],
];

test.each(CASES)('%s', (_name, changes, header, payload) => {
  const frame = writePcapRecord(packet(changes)).subarray(RECORD);
  const at = ETHERNET + (changes.vlan === undefined ? 0 : 4);
  const isIpv6 = changes.ether_type === 0x86dd;
  const total = isIpv6 ? frame.readUInt16BE(at + 4) : frame.readUInt16BE(at + 2) - 20;
  const offset = (frame[at + (isIpv6 ? 40 : 20) + 12]! >> 4) * 4;
  expect([offset, total - offset]).toEqual([header, payload]);
});

test('Wireshark reads the same, and finds no data in what opens a connection', (context) => {
  requireTool(context, 'tshark');
  const folder = mkdtempSync(join(tmpdir(), 'nta-headers-'));
  try {
    const file = join(folder, 'a.pcap');
    writeFileSync(file, Buffer.concat([PCAP_HEADER, ...CASES.map(([, changes]) => writePcapRecord(packet(changes)))]));
    const fields = ['-T', 'fields', '-e', 'tcp.hdr_len', '-e', 'tcp.len'];
    const lines = execFileSync('tshark', ['-n', '-r', file, ...fields], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(lines).toEqual(CASES.map(([, , header, payload]) => `${header}\t${payload}`));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
