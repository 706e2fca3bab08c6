/** Detections of the link: what each finds, and what only looks like it. */
import { describe, expect, it } from 'vitest';
import { ipv4Bytes } from '../../support/address-bytes.js';
import { dhcp } from '../../support/application-messages.js';
import { BROADCAST_MAC, ethernet, vlan } from '../../support/frames.js';
import { arp, ipv4, ipv6 } from '../../support/ip-packets.js';
import { alertsOf, saidBy, type TimedFrame } from '../../support/observed-traffic.js';
import { icmpv6, neighborAdvertisement, neighborSolicitation, udp } from '../../support/transport-segments.js';

const ROUTER = { mac: '02:10:00:00:00:fe', ip: '10.0.0.1' };
const CLIENT = { mac: '02:10:00:00:00:38', ip: '10.0.0.56' };
const ATTACKER = { mac: '02:66:66:66:66:66', ip: '10.0.0.66' };

interface Station {
  readonly mac: string;
  readonly ip: string;
}

function reply(at: number, claimed: string, by: string, to: Station, tag?: number): TimedFrame {
  const packet = arp({ operation: 2, senderMac: by, senderAddress: claimed, targetMac: to.mac, targetAddress: to.ip });
  return {
    at,
    frame: ethernet({ source: by, destination: to.mac }, tag === undefined ? packet : vlan({ id: tag }, packet)),
  };
}

function request(at: number, from: Station, target: string): TimedFrame {
  const packet = arp({ operation: 1, senderMac: from.mac, senderAddress: from.ip, targetAddress: target });
  return { at, frame: ethernet({ source: from.mac, destination: BROADCAST_MAC }, packet) };
}

const repeated = (count: number, make: (index: number) => readonly TimedFrame[]): TimedFrame[] =>
  Array.from({ length: count }, (_, index) => make(index)).flat();

describe('arp-spoofing', () => {
  it('finds both directions poisoned, by the card, though neither victim is heard', () => {
    const frames = repeated(3, (i) => [
      reply(2 * i, ROUTER.ip, ATTACKER.mac, CLIENT),
      reply(2 * i + 0.1, CLIENT.ip, ATTACKER.mac, ROUTER),
    ]);
    const alerts = alertsOf(frames);
    expect(saidBy('arp-spoofing', alerts)).toEqual([`3 ${ATTACKER.mac}`]);
    expect(alerts[0]!.related.ip).toEqual(expect.arrayContaining([ROUTER.ip, CLIENT.ip]));
  });

  it('finds one address told to one host again and again, unasked', () => {
    const frames = repeated(12, (i) => [reply(1.65 * i, ROUTER.ip, ATTACKER.mac, CLIENT)]);
    expect(saidBy('arp-spoofing', alertsOf(frames))).toEqual([`3 ${ATTACKER.mac}`]);
    const asked = repeated(12, (i) => [
      request(1.65 * i, CLIENT, ROUTER.ip),
      reply(1.65 * i + 0.001, ROUTER.ip, ROUTER.mac, CLIENT),
    ]);
    expect(alertsOf(asked)).toEqual([]);
  });

  it('is informational when an address changes hands once, low when it goes to and fro', () => {
    const once = [
      request(0, { mac: ROUTER.mac, ip: '10.0.0.9' }, ROUTER.ip),
      request(60, { mac: CLIENT.mac, ip: '10.0.0.9' }, ROUTER.ip),
    ];
    expect(saidBy('arp-spoofing', alertsOf(once))).toEqual(['1 10.0.0.9']);
    const back = [...once, request(90, { mac: ROUTER.mac, ip: '10.0.0.9' }, ROUTER.ip)];
    expect(saidBy('arp-spoofing', alertsOf(back))).toEqual(['2 10.0.0.9']);
  });

  it('tells virtual routers from a card that claims their address', () => {
    const virtual = { mac: '00:00:5e:00:01:0a', ip: '10.0.0.199' };
    const other = { mac: '00:07:b4:00:01:02', ip: '10.0.0.199' };
    expect(
      alertsOf([request(0, virtual, ROUTER.ip), request(1, other, ROUTER.ip), request(2, virtual, ROUTER.ip)]),
    ).toEqual([]);
    const hijacked = repeated(2, (i) => [
      request(2 * i, virtual, ROUTER.ip),
      request(2 * i + 1, { ...ATTACKER, ip: virtual.ip }, ROUTER.ip),
    ]);
    expect(saidBy('arp-spoofing', alertsOf(hijacked))).toEqual(['2 10.0.0.199']);
  });

  it('keeps VLANs and interfaces apart', () => {
    const tagged = repeated(4, (i) => [
      reply(2 * i, ROUTER.ip, ROUTER.mac, CLIENT, 10),
      reply(2 * i + 1, ROUTER.ip, CLIENT.mac, ATTACKER, 20),
    ]);
    expect(
      alertsOf(tagged.map((frame, index) => (index % 2 === 0 ? request(frame.at, ROUTER, CLIENT.ip) : frame))),
    ).toEqual([]);
    const two = repeated(4, (i) => [
      { ...request(2 * i, ROUTER, CLIENT.ip), interface: 'eth0' },
      { ...request(2 * i + 1, { ...ROUTER, mac: ATTACKER.mac }, CLIENT.ip), interface: 'eth1' },
    ]);
    expect(alertsOf(two)).toEqual([]);
  });

  it('leaves a standby alone that takes over every address of one failed router', () => {
    const addresses = ['10.0.0.11', '10.0.0.12', '10.0.0.13'];
    const before = addresses.map((ip, i) => request(i, { mac: ROUTER.mac, ip }, CLIENT.ip));
    const after = addresses.map((ip, i) => request(30 + i, { mac: CLIENT.mac, ip }, ip));
    expect(saidBy('arp-spoofing', alertsOf([...before, ...after])).sort()).toEqual(addresses.map((ip) => `1 ${ip}`));
  });
});

describe('arp-sweep', () => {
  const targets = Array.from({ length: 40 }, (_, i) => `10.0.0.${100 + i}`);

  it('finds a card that asks for one address after the other', () => {
    expect(saidBy('arp-sweep', alertsOf(targets.map((ip, i) => request(i / 10, ATTACKER, ip))))).toEqual([
      `2 ${ATTACKER.ip}`,
    ]);
  });

  it('is quiet where the addresses answer, and for the router of several networks', () => {
    const answered = targets.flatMap((ip, i) => [
      request(i / 10, CLIENT, ip),
      reply(i / 10 + 0.001, ip, `02:00:00:00:00:${(16 + i).toString(16)}`, CLIENT),
    ]);
    expect(saidBy('arp-sweep', alertsOf(answered))).toEqual([]);
    const router = targets.map((ip, i) => request(i / 10, { mac: ROUTER.mac, ip: `10.${i % 4}.0.1` }, ip));
    expect(saidBy('arp-sweep', alertsOf(router))).toEqual([]);
  });
});

/** An offer of `server` that names `router`. */
function offer(at: number, server: string, router: string): TimedFrame {
  const base = dhcp({ messageType: 2, clientMac: CLIENT.mac, yourAddress: '10.0.0.77' });
  const options = Buffer.concat([
    Buffer.from([54, 4]),
    ipv4Bytes(server),
    Buffer.from([3, 4]),
    ipv4Bytes(router),
    Buffer.from([255]),
  ]);
  const message = Buffer.concat([base.subarray(0, -1), options]);
  return {
    at,
    frame: ethernet(
      {},
      ipv4({ source: server, destination: '10.0.0.77' }, udp({ sourcePort: 67, destinationPort: 68 }, message)),
    ),
  };
}

describe('rogue-dhcp', () => {
  it('finds a second server that names another router', () => {
    const alerts = alertsOf([offer(0, '10.0.0.1', '10.0.0.1'), offer(5, ATTACKER.ip, ATTACKER.ip)]);
    expect(saidBy('rogue-dhcp', alerts)).toEqual([`3 ${ATTACKER.ip}`]);
  });

  it('is quiet on two servers that name the same router', () => {
    expect(
      alertsOf([offer(0, '10.0.0.2', '10.0.0.1'), offer(5, '10.0.0.3', '10.0.0.1'), offer(9, '10.0.0.2', '10.0.0.1')]),
    ).toEqual([]);
  });
});

describe('dhcp-starvation', () => {
  const discover = (i: number, seconds: number): TimedFrame => {
    const mac = `02:77:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;
    const message = dhcp({ messageType: 1, clientMac: mac });
    const packet = ipv4(
      { source: '0.0.0.0', destination: '255.255.255.255' },
      udp({ sourcePort: 68, destinationPort: 67 }, message),
    );
    return { at: i * seconds, frame: ethernet({ source: mac, destination: BROADCAST_MAC }, packet) };
  };

  it('finds a server asked empty, not a morning in the office', () => {
    expect(saidBy('dhcp-starvation', alertsOf(Array.from({ length: 150 }, (_, i) => discover(i, 0.1))))).toEqual([
      '3 0.0.0.0',
    ]);
    expect(alertsOf(Array.from({ length: 60 }, (_, i) => discover(i, 3)))).toEqual([]);
  });
});

function routerAdvertisement(at: number, from: string, mac: string, prefix: string): TimedFrame {
  const option = Buffer.concat([
    Buffer.from('0304 40c0 0000 0e10 0000 0e10 0000 0000'.replaceAll(' ', ''), 'hex'),
    Buffer.from(prefix, 'hex'),
  ]);
  const packet = ipv6(
    { source: from, destination: 'ff02::1', hopLimit: 255 },
    icmpv6({ type: 134, rest: 0x40000708 }, Buffer.concat([Buffer.alloc(8), option])),
  );
  return { at, frame: ethernet({ source: mac }, packet) };
}

describe('rogue-router', () => {
  const own = '20010db8000a00010000000000000000';
  const bad = '20010db80bad00000000000000000000';

  it('finds a new router with a prefix of its own, and one that takes a router’s address', () => {
    const alerts = alertsOf([
      routerAdvertisement(0, 'fe80::1', ROUTER.mac, own),
      routerAdvertisement(200, 'fe80::1', ROUTER.mac, own),
      routerAdvertisement(210, 'fe80::66', ATTACKER.mac, bad),
    ]);
    expect(saidBy('rogue-router', alerts)).toEqual(['3 fe80::66']);
    const taken = alertsOf([
      routerAdvertisement(0, 'fe80::1', ROUTER.mac, own),
      routerAdvertisement(9, 'fe80::1', ATTACKER.mac, own),
    ]);
    expect(saidBy('rogue-router', taken)).toEqual(['3 fe80::1']);
  });

  it('is quiet on two routers of one prefix', () => {
    const pair = repeated(3, (i) => [
      routerAdvertisement(100 * i, 'fe80::1', ROUTER.mac, own),
      routerAdvertisement(100 * i + 1, 'fe80::2', CLIENT.mac, own),
    ]);
    expect(alertsOf(pair)).toEqual([]);
  });
});

describe('neighbor-spoofing', () => {
  const advertise = (at: number, target: string, mac: string, source = target): TimedFrame => ({
    at,
    frame: ethernet(
      { source: mac },
      ipv6({ source, destination: 'ff02::1', hopLimit: 255 }, neighborAdvertisement(target, mac)),
    ),
  });

  it('finds an address claimed by two cards in turn, not one that has moved', () => {
    const turn = repeated(3, (i) => [
      advertise(2 * i, '2001:db8::1', ROUTER.mac),
      advertise(2 * i + 1, '2001:db8::1', ATTACKER.mac, 'fe80::66'),
    ]);
    const alerts = alertsOf(turn);
    expect(saidBy('neighbor-spoofing', alerts)).toEqual(['3 2001:db8::1']);
    expect(alerts[0]!.related.ip).toContain('fe80::66');
    expect(alertsOf([advertise(0, '2001:db8::1', ROUTER.mac), advertise(1, '2001:db8::1', CLIENT.mac)])).toEqual([]);
  });

  it('finds a card that denies every address that others check', () => {
    const check = (at: number, target: string, mac: string): TimedFrame => ({
      at,
      frame: ethernet(
        { source: mac },
        ipv6({ source: '::', destination: 'ff02::1:ff00:1', hopLimit: 255 }, neighborSolicitation(target)),
      ),
    });
    const denied = repeated(4, (i) => [
      check(i, `2001:db8::${i + 10}`, `02:00:00:00:00:0${i}`),
      advertise(i + 0.2, `2001:db8::${i + 10}`, ATTACKER.mac, 'fe80::66'),
    ]);
    expect(saidBy('neighbor-spoofing', alertsOf(denied))).toEqual(['3 fe80::66']);
    expect(alertsOf(repeated(4, (i) => [check(i, `2001:db8::${i + 10}`, CLIENT.mac)]))).toEqual([]);
  });
});
