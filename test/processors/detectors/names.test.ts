/** Detections of names and echoes: what each finds, and what only looks like it. */
import { describe, expect, it } from 'vitest';
import { dataCharacters, registeredDomain } from '../../../processors/detectors/dns-names.js';
import { dnsQuery, dnsResponse } from '../../support/application-messages.js';
import { ethernet } from '../../support/frames.js';
import { ipv4 } from '../../support/ip-packets.js';
import { alertsOf, saidBy, type TimedFrame } from '../../support/observed-traffic.js';
import { Random } from '../../support/random.js';
import { icmp, udp } from '../../support/transport-segments.js';

const CLIENT = '10.0.0.5';
const RESOLVER = '10.0.0.53';
const TXT = 16;
const random = new Random(7);
const encoded = (length: number): string =>
  Array.from({ length }, () => 'abcdefghijklmnopqrstuvwxyz234567'[random.below(32)]!).join('');

function query(at: number, name: string, type = 1, id = 1): TimedFrame {
  const packet = udp({ sourcePort: 40_000, destinationPort: 53 }, dnsQuery({ id, name, type }));
  return { at, frame: ethernet({}, ipv4({ source: CLIENT, destination: RESOLVER }, packet)) };
}

/** An answer; without addresses the name does not exist. */
function answer(at: number, name: string, addresses: readonly string[], id = 1): TimedFrame {
  const message = dnsResponse(
    { id, name, type: 1 },
    addresses.map((address) => ({ address })),
  );
  if (addresses.length === 0) message[3] = message[3]! | 3;
  return {
    at,
    frame: ethernet(
      {},
      ipv4({ source: RESOLVER, destination: CLIENT }, udp({ sourcePort: 53, destinationPort: 40_000 }, message)),
    ),
  };
}

const many = (count: number, make: (index: number) => readonly TimedFrame[]): TimedFrame[] =>
  Array.from({ length: count }, (_, index) => make(index)).flat();

describe('names', () => {
  it('belong to whoever registered them, each customer of a content network apart', () => {
    expect(registeredDomain('www.example.co.uk')).toBe('example.co.uk');
    expect(registeredDomain('d3gjecg2uu2eaq.cloudfront.net')).toBe('d3gjecg2uu2eaq.cloudfront.net');
    expect(registeredDomain('\\190\\201x.t.pirate.sea')).toBe('pirate.sea');
    expect(registeredDomain('workgroup')).toBe('');
  });

  it('carry data where labels are long and mixed, or hold bytes that no host name has', () => {
    expect(dataCharacters('60db6c86c8e09e5804e85f250d3d005a.0000.u.slow.example', 'slow.example')).toBe(32);
    expect(dataCharacters('\\190\\201\\200\\180abc.pirate.sea', 'pirate.sea')).toBe(7);
    for (const ordinary of [
      'r4---sn-ae3fdaca.googlevideo.com',
      'geo-prod.do.dsp.mp.microsoft.com',
      '12-courier.push.apple.com',
    ]) {
      expect(dataCharacters(ordinary, registeredDomain(ordinary))).toBe(0);
    }
  });
});

describe('dns-tunnel', () => {
  it('finds names that carry data, quick or slow', () => {
    const quick = many(60, (i) => [query(i / 5, `${encoded(40)}.${encoded(40)}.t.evil.example`, TXT, i)]);
    expect(saidBy('dns-tunnel', alertsOf(quick))).toEqual([`3 ${CLIENT}`]);
    const slow = many(60, (i) => [query(10 * i, `${encoded(30)}9${i % 10}7.u.slow.example`, TXT, i)]);
    expect(saidBy('dns-tunnel', alertsOf(slow))).toEqual([`3 ${CLIENT}`]);
  });

  it('is quiet on block lists, reverse names, reputation lookups and the same name asked again', () => {
    expect(alertsOf(many(200, (i) => [query(i / 5, `${i}.177.118.216.zen.spamhaus.org`, 1, i)]))).toEqual([]);
    expect(alertsOf(many(200, (i) => [query(i / 5, `${i}.0.0.10.in-addr.arpa`, 12, i)]))).toEqual([]);
    expect(alertsOf(many(200, (i) => [query(i / 5, `${encoded(40)}9${i}.avqs.mcafee.com`, 1, i)]))).toEqual([]);
    const same = `${encoded(40)}123.cdn.example`;
    expect(alertsOf(many(200, (i) => [query(i / 5, same, TXT, i)]))).toEqual([]);
  });
});

describe('dns-anomaly', () => {
  it('finds generated names, none of which exists', () => {
    const generated = many(40, (i) => {
      const name = `${encoded(14).replace(/\d/g, 'x')}${i}.org`;
      return [query(i, name, 1, i), answer(i + 0.01, name, [], i)];
    });
    expect(saidBy('dns-anomaly', alertsOf(generated))).toEqual([`3 ${CLIENT}`]);
  });

  it('is quiet on a resolver that finds most names, and on one domain that has few of them', () => {
    const busy = many(90, (i) => [answer(i / 3, `www.site${i}.org`, i % 3 === 0 ? [] : ['192.0.2.1'], i)]);
    expect(alertsOf(busy)).toEqual([]);
    expect(alertsOf(many(90, (i) => [answer(i / 3, `${i}.lists.example`, [], i)]))).toEqual([]);
  });

  it('finds two different answers to one question, not one repeated or asked twice', () => {
    const forged = many(3, (i) => [
      query(4 * i, `www.bank${i}.example`, 1, i),
      answer(4 * i + 0.01, `www.bank${i}.example`, ['127.0.1.1'], i),
      answer(4 * i + 0.04, `www.bank${i}.example`, ['192.0.2.1'], i),
    ]);
    const alerts = alertsOf(forged);
    expect(saidBy('dns-anomaly', alerts)).toEqual([`3 ${CLIENT}`]);
    expect(alerts[0]!.related.ip).toContain(RESOLVER);
    const twice = many(3, (i) => [
      query(4 * i, `www.shop${i}.example`, 1, i),
      query(4 * i + 0.1, `www.shop${i}.example`, 1, i),
      answer(4 * i + 0.2, `www.shop${i}.example`, ['192.0.2.1', '192.0.2.2'], i),
      answer(4 * i + 0.3, `www.shop${i}.example`, ['192.0.2.3'], i),
    ]);
    expect(alertsOf(twice)).toEqual([]);
    const seenTwice = many(3, (i) => [
      query(4 * i, `www.shop${i}.example`, 1, i),
      answer(4 * i + 0.2, `www.shop${i}.example`, ['192.0.2.1', '192.0.2.2'], i),
      answer(4 * i + 0.3, `www.shop${i}.example`, ['192.0.2.2', '192.0.2.1'], i),
    ]);
    expect(alertsOf(seenTwice)).toEqual([]);
  });
});

describe('icmp-tunnel', () => {
  const echo = (at: number, reply: boolean, sequence: number, data: Buffer): TimedFrame => ({
    at,
    frame: ethernet(
      {},
      ipv4(
        reply ? { source: '203.0.113.94', destination: CLIENT } : { source: CLIENT, destination: '203.0.113.94' },
        icmp({ type: reply ? 0 : 8, rest: 0x00070000 + sequence }, data),
      ),
    ),
  });
  const bytes = (length: number): Buffer => Buffer.from(encoded(length));

  it('finds replies that carry something else than was sent', () => {
    const tunnel = many(30, (i) => [
      echo(i, false, i, bytes(100 + 37 * (i % 9))),
      echo(i + 0.02, true, i, bytes(80 + 53 * (i % 7))),
    ]);
    const alerts = alertsOf(tunnel);
    expect(saidBy('icmp-tunnel', alerts)).toEqual([`3 ${CLIENT}`]);
    expect(alerts[0]!.destination?.ip).toBe('203.0.113.94');
    const sameSize = many(30, (i) => [echo(i, false, i, bytes(56)), echo(i + 0.02, true, i, bytes(56))]);
    expect(saidBy('icmp-tunnel', alertsOf(sameSize))).toEqual([`3 ${CLIENT}`]);
  });

  it('is quiet on pings of any size, and on a host that cuts them', () => {
    const ping = many(60, (i) => {
      const data = bytes(56 + 11 * i);
      return [echo(i / 2, false, i, data), echo(i / 2 + 0.02, true, i, data)];
    });
    expect(alertsOf(ping)).toEqual([]);
    const cut = many(60, (i) => {
      const data = bytes(1000);
      return [echo(i / 2, false, i, data), echo(i / 2 + 0.02, true, i, data.subarray(0, 64))];
    });
    expect(alertsOf(cut)).toEqual([]);
  });
});
