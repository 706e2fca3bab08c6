/** What each built-in detector counts and what it says. */
import { describe, expect, test } from 'vitest';
import type { DetectionRules } from '../../../processors/contract/rule.js';
import { parseDetectionConfiguration } from '../../../processors/rules/detection-configuration.js';
import { ROLE_OPENING, ROLE_ORIGINATOR, ROLE_RESPONDER } from '../../../schemas/packets/packet-block.js';
import { type BuiltPacket, detect } from '../../support/detection.js';

const SECOND = 1_000_000;
const START = 1_767_225_600 * SECOND;

function packet(seconds: number, destinationPort: number, changes: Partial<BuiltPacket> = {}): BuiltPacket {
  const addresses = { source: '192.0.2.1', destination: '198.51.100.1' };
  return {
    time: START + Math.round(seconds * SECOND),
    ...addresses,
    ipProtocol: 6,
    tcpFlags: 2,
    sourcePort: 4000,
    destinationPort,
    ...changes,
  };
}

function ports(count: number, changes: Partial<BuiltPacket> = {}): BuiltPacket[] {
  return Array.from({ length: count }, (_, i) => packet(i / 10, 1000 + i, changes));
}

function opened(packets: readonly BuiltPacket[], rules?: DetectionRules): string[] {
  return detect(packets, rules)
    .filter((alert) => alert.event.action === 'open')
    .map((alert) => alert.rule.id);
}

function rulesOf(yaml: string): DetectionRules {
  const result = parseDetectionConfiguration(yaml, 'rules.yaml');
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.rules;
}

describe('port scan', () => {
  test.each([
    ['SYN', { tcpFlags: 0x02 }, true],
    ['SYN with ECE and CWR', { tcpFlags: 0xc2 }, true],
    ['SYN and ACK', { tcpFlags: 0x12 }, false],
    ['ACK', { tcpFlags: 0x10 }, false],
    ['RST', { tcpFlags: 0x04 }, false],
    ['NULL', { tcpFlags: 0, role: ROLE_OPENING }, true],
    ['FIN', { tcpFlags: 0x01 }, true],
    ['FIN and ACK', { tcpFlags: 0x11 }, false],
    ['Xmas', { tcpFlags: 0x29, role: ROLE_OPENING }, true],
    ['FIN inside a conversation', { tcpFlags: 0x01, role: ROLE_ORIGINATOR }, false],
    ['UDP that opens', { ipProtocol: 17, tcpFlags: undefined, role: ROLE_OPENING }, true],
    ['UDP that goes on', { ipProtocol: 17, tcpFlags: undefined, role: ROLE_ORIGINATOR }, false],
    ['UDP that answers', { ipProtocol: 17, tcpFlags: undefined, role: ROLE_RESPONDER }, false],
    ['UDP of which nothing is known', { ipProtocol: 17, tcpFlags: undefined }, false],
  ] as const)('%s', (_, changes, expected) => {
    expect(opened(ports(10, changes as Partial<BuiltPacket>))).toEqual(expected ? ['port-scan'] : []);
  });

  test('counts TCP and UDP ports in one set', () => {
    const udp = ports(5, { ipProtocol: 17, tcpFlags: undefined, role: ROLE_OPENING });
    expect(opened([...ports(5), ...udp])).toEqual([]);
    expect(
      opened([...ports(5), ...udp.map((probe) => ({ ...probe, destinationPort: 2000 + probe.destinationPort! }))]),
    ).toEqual(['port-scan']);
  });

  test('leaves out stealth shapes and UDP when told so', () => {
    const rules = rulesOf('detectors: { port-scan: { stealthProbes: false, udpProbes: false } }');
    expect(opened(ports(10, { tcpFlags: 0 }), rules)).toEqual([]);
    expect(opened(ports(10, { ipProtocol: 17, tcpFlags: undefined, role: ROLE_OPENING }), rules)).toEqual([]);
  });

  test.each([
    ['vertical', (i: number) => packet(i, 1000 + i)],
    ['horizontal', (i: number) => packet(i, 1000 + (i % 10), { destination: `198.51.100.${i}` })],
    ['block', (i: number) => packet(i, 1000 + i, { destination: `198.51.100.${i % 3}` })],
  ])('tells a %s scan', (shape, probe) => {
    const close = detect(Array.from({ length: 30 }, (_, i) => probe(i))).at(-1)!;
    expect(close.nta.alert.evidence.details).toEqual({ shape });
    expect(close.message).toContain(`(${shape})`);
  });
});

test('a SYN flood is told with its targets', () => {
  const close = detect(Array.from({ length: 150 }, (_, i) => packet(i / 100, 80))).at(-1)!;
  expect(close.message).toBe('192.0.2.1 sent 150 SYN to 198.51.100.1 in 1.49 s');
  expect(close).toMatchObject({ event: { severity: 4 }, threat: { technique: { id: ['T1498.001', 'T1499.001'] } } });
});

test('brute force is told by port, and only on login ports', () => {
  const tries = (port: number) =>
    Array.from({ length: 20 }, (_, i) => packet(i, port, { destination: `198.51.100.${i % 2}` }));
  expect(opened(tries(902))).toEqual([]);
  expect(opened(tries(902), rulesOf('detectors: { brute-force: { loginPorts: [902] } }'))).toEqual(['brute-force']);
  const [open] = detect(tries(3389));
  expect(open).toMatchObject({
    message: '192.0.2.1 tried 20 RDP connections to 2 hosts port 3389 in 19 s',
    destination: { port: 3389 },
    event: { severity: 3 },
    threat: { technique: { id: ['T1110'] } },
  });
});

describe('ARP spoofing', () => {
  const OWNER = '02:00:00:00:00:01';
  const OTHER = '02:00:00:00:00:02';
  const claim = (seconds: number, senderMac: string, senderAddress = '192.0.2.254'): BuiltPacket => ({
    time: START + seconds * SECOND,
    source: senderAddress,
    destination: '',
    arp: { senderMac, senderAddress },
  });

  test('names the MACs and when each claimed the address', () => {
    const [open] = detect([claim(0, OWNER), claim(3, OWNER), claim(5, OTHER)]);
    expect(open).toMatchObject({
      event: { severity: 1 },
      source: { ip: '192.0.2.254' },
      threat: { technique: { id: ['T1557.002'] } },
      nta: { alert: { crossed: '2026-01-01T00:00:05.000000Z' } },
    });
    expect(open!.nta.alert.evidence.macs).toEqual([
      { mac: OWNER, first_seen: '2026-01-01T00:00:00.000000Z', last_seen: '2026-01-01T00:00:03.000000Z' },
      { mac: OTHER, first_seen: '2026-01-01T00:00:05.000000Z', last_seen: '2026-01-01T00:00:05.000000Z' },
    ]);
    expect(open!.nta.alert.evidence.details).toEqual({ confidence: 'low', changes: 1, gateway: false });
  });

  test('is surer when claims go to and fro, and about gateways', () => {
    const fight = Array.from({ length: 8 }, (_, i) => claim(i, i % 2 === 0 ? OWNER : OTHER));
    expect(detect(fight).at(-1)!.nta.alert.evidence.details).toEqual({
      confidence: 'high',
      changes: 7,
      gateway: false,
    });
    const rules = rulesOf('detectors: { arp-spoofing: { gateways: [192.0.2.254] } }');
    const [open] = detect([claim(0, OWNER), claim(1, OTHER)], rules);
    expect(open!.nta.alert.evidence.details).toMatchObject({ confidence: 'high', gateway: true });
    expect(open!.message).toBe(`the gateway 192.0.2.254 is claimed by ${OWNER} and ${OTHER}, changing hands 1 time`);
  });

  test.each([
    ['probes for an address', [claim(0, OWNER, '0.0.0.0'), claim(1, OTHER, '0.0.0.0')]],
    ['a VRRP router taking over', [claim(0, OWNER), claim(1, '00:00:5e:00:01:0a')]],
    ['an HSRP version 2 router taking over', [claim(0, OWNER), claim(1, '00:00:0c:9f:f0:01')]],
    ['a lease given to another after a long silence', [claim(0, OWNER), claim(301, OTHER)]],
    ['proxy ARP: one MAC for many addresses', [claim(0, OWNER), claim(1, OWNER, '192.0.2.253')]],
  ])('is not %s', (_, packets) => {
    expect(detect(packets)).toEqual([]);
  });

  test('a router that does proxy ARP can be named', () => {
    const rules = rulesOf('detectors: { arp-spoofing: { virtualMacs: ["02:00:00:00:00:02"] } }');
    expect(detect([claim(0, OWNER), claim(1, OTHER)], rules)).toEqual([]);
    expect(detect([claim(0, OWNER), claim(1, '00:00:5e:00:01:0a')], rules)).not.toEqual([]);
  });

  test('ends when only one claims the address for a whole window', () => {
    const owner = Array.from({ length: 100 }, (_, i) => claim(6 + i * 10, OWNER));
    const close = detect([claim(0, OWNER), claim(5, OTHER), ...owner]).at(-1)!;
    // the last window that holds both ends at 305 s; the claim at 296 s is the last in it
    expect(close).toMatchObject({
      '@timestamp': '2026-01-01T00:09:56.000000Z',
      nta: { alert: { close_reason: 'quiet' } },
    });
  });
});
