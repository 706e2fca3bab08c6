import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { PACKET_FIELD_NAMES } from '../../schemas/tables/packet-fields.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertPackets, type SamplePacket } from './sample-data.js';

interface Page {
  packets: { info: string; time: string; id: string; source: string | null; length: number }[];
  next: string | null;
}

const SYN = 2;
const ACK = 16;

/** One of each kind, a second apart, oldest first; the length of a packet is its name in the tests. */
const PACKETS: Omit<SamplePacket, 'time'>[] = [
  {
    length: 101,
    source: '192.0.2.7',
    destination: '198.51.100.1',
    sourcePort: 51234,
    destinationPort: 443,
    tcpFlags: SYN,
    tcpSequence: 4_000_000_000,
    role: 1,
  },
  {
    length: 102,
    source: '198.51.100.1',
    destination: '192.0.2.7',
    sourcePort: 443,
    destinationPort: 51234,
    tcpFlags: SYN | ACK,
  },
  {
    length: 103,
    source: '192.0.2.8',
    destination: '10.1.2.3',
    ipProtocol: 17,
    sourcePort: 5353,
    destinationPort: 53,
    details: { dns: { query: 'example.org', type: 28 } },
  },
  { length: 104, source: '192.0.2.9', destination: '10.1.2.3', ipProtocol: 1, icmpType: 8, icmpCode: 0 },
  { length: 105, source: '10.1.2.1', destination: '10.1.2.3', ipProtocol: null, etherType: 0x0806, arpOperation: 1 },
  {
    length: 106,
    source: '2001:db8::7',
    destination: '2001:db8::1',
    etherType: 0x86dd,
    sourcePort: 40000,
    destinationPort: 22,
    tcpFlags: 0,
    captureNode: 'edge-2',
    interface: 'wan0',
  },
  {
    length: 107,
    ipProtocol: null,
    etherType: 0x88cc,
    sourceMac: '02:00:00:00:00:aa',
    destinationMac: '01:80:c2:00:00:0e',
  },
  {
    length: 108,
    source: '192.0.2.7',
    destination: '10.9.9.9',
    ipProtocol: 17,
    vlan: 42,
    innerVlan: 7,
    sourcePort: 1000,
    destinationPort: 2000,
    timeline: 'replay-1',
  },
  {
    length: 109,
    source: '192.0.2.7',
    destination: '10.9.9.9',
    ipProtocol: 6,
    failure: decodeFailureCode('tcp_truncated'),
  },
];
const START = Date.parse('2026-03-01T12:00:00Z');
const timeOf = (index: number): string => `${new Date(START + index * 1000).toISOString().slice(0, -1)}789Z`;

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture({ now: () => START + 3_600_000 });
  await insertPackets(
    api.pool,
    PACKETS.map((packet, index) => ({ ...packet, time: timeOf(index) })),
  );
});
afterAll(() => api?.remove());

const lengths = async (query: string): Promise<number[]> =>
  (await api.get<Page>(`/api/packets?${query}`)).packets.map(({ length }) => length);

const search = async (body: unknown): Promise<number[]> => {
  const { status, body: page } = await api.post<Page>('/api/packets/search', body);
  expect(status, JSON.stringify(page)).toBe(200);
  return page.packets.map(({ length }) => length);
};

describe('filters of GET /api/packets', () => {
  const CASES: readonly (readonly [string, readonly number[]])[] = [
    ['', [109, 108, 107, 106, 105, 104, 103, 102, 101]],
    ['host=192.0.2.7', [109, 108, 102, 101]],
    ['host=192.0.2.0/24', [109, 108, 104, 103, 102, 101]],
    ['host=192.0.2.7,192.0.2.8', [109, 108, 103, 102, 101]],
    ['host=192.0.2.7,2001:db8::/32', [109, 108, 106, 102, 101]],
    ['source=192.0.2.7', [109, 108, 101]],
    ['source=192.0.2.7/32', [109, 108, 101]],
    ['destination=192.0.2.7', [102]],
    ['destination=10.0.0.0/8', [109, 108, 105, 104, 103]],
    ['source=2001:DB8:0::7', [106]],
    ['source=0.0.0.0/0', [109, 108, 105, 104, 103, 102, 101]],
    ['port=443', [102, 101]],
    ['port=50-60', [103]],
    ['port=22,443', [106, 102, 101]],
    ['source_port=443', [102]],
    ['destination_port=443,2000-2001', [108, 101]],
    ['protocol=tcp', [109, 106, 102, 101]],
    ['protocol=TCP,arp', [109, 106, 105, 102, 101]],
    ['protocol=17', [108, 103]],
    ['protocol=lldp', [107]],
    ['protocol=0x88cc', [107]],
    ['protocol=ipv6', [106]],
    ['protocol=dns', [103]],
    ['tcp_flags=syn', [102, 101]],
    ['tcp_flags=syn,!ack', [101]],
    ['tcp_flags=none', [106]],
    ['icmp_type=8', [104]],
    ['icmp_type=8&icmp_code=1', []],
    ['mac=01:80:c2:00:00:0e', [107]],
    ['source_mac=02-00-00-00-00-AA', [107]],
    ['destination_mac=02:00:00:00:00:aa', []],
    ['vlan=42', [108]],
    ['vlan=7', [108]],
    ['capture_node=edge-2', [106]],
    ['capture_node=edge-1,edge-2&protocol=ipv6', [106]],
    ['interface=wan0', [106]],
    ['timeline=replay-1', [108]],
    ['min_length=108', [109, 108]],
    ['max_length=101', [101]],
    ['length=104-106,109', [109, 106, 105, 104]],
    ['dns_name=EXAMPLE.org.', [103]],
    ['dns_name=*.org,nobody', [103]],
    ['dns_name=%25.org', []],
    ['name=ex*', [103]],
    ['tls_name=*', []],
    ['http_host=*', []],
    ['dhcp_hostname=*', []],
    ['failure=any', [109]],
    ['failure=tcp_truncated,udp_truncated', [109]],
    ['host=192.0.2.7&protocol=udp', [108]],
    [`from=${timeOf(7)}`, [109, 108]],
    [`to=${timeOf(1)}`, [101]],
    ['from=2026-03-01T13:00:03%2B01:00&to=2026-03-01T12:00:05Z', [105, 104]],
    ['from=2026-03-02', []],
    ['hours=0.9999', [109, 108, 107, 106, 105, 104, 103, 102]],
    ['hours=0.5', []],
  ];
  test.each(CASES)('%s', async (query, expected) => {
    expect(await lengths(query)).toEqual(expected);
  });

  test('every field has a case', () => {
    const used = new Set(CASES.flatMap(([query]) => [...new URLSearchParams(query).keys()]));
    expect(PACKET_FIELD_NAMES.filter((name) => !used.has(name))).toEqual([]);
  });
});

test('a packet carries what was stored, times with their microseconds, and a summary', async () => {
  const { packets } = await api.get<Page>('/api/packets?port=443&tcp_flags=!ack');
  expect(packets[0]).toMatchObject({
    time: '2026-03-01T12:00:00.000789Z',
    source: '192.0.2.7',
    destination: '198.51.100.1',
    protocol: 'tcp',
    tcp_flags: ['SYN'],
    tcp_sequence: 4_000_000_000,
    role: 'opening',
    capture_node: 'edge-1',
    info: '51234 → 443 [SYN] Seq=4000000000',
  });
  const { packets: all } = await api.get<Page>('/api/packets');
  expect(all.map(({ info }) => info)).toEqual([
    '[Malformed: tcp truncated]',
    '1000 → 2000',
    '',
    '40000 → 22 [no flags] Seq=0',
    'Who has 10.1.2.3? Tell 10.1.2.1',
    'Echo request',
    '5353 → 53 AAAA example.org',
    '443 → 51234 [SYN, ACK] Seq=0',
    '51234 → 443 [SYN] Seq=4000000000',
  ]);
});

describe('pages', () => {
  test.each(['', '&host=192.0.2.7', '&host=0.0.0.0/0,::/0'])('visit every packet once, in order%s', async (filter) => {
    const whole = await lengths(`limit=1000${filter}`);
    for (const limit of [1, 2, 4]) {
      const seen: number[] = [];
      let next: string | null = '';
      while (next !== null) {
        const page: Page = await api.get<Page>(`/api/packets?limit=${limit}${filter}${next ? `&next=${next}` : ''}`);
        expect(page.packets.length).toBeLessThanOrEqual(limit);
        seen.push(...page.packets.map(({ length }) => length));
        next = page.next;
      }
      expect(seen).toEqual(whole);
    }
  });

  test('a packet that matches on both sides is there once', async () => {
    const own = await createApiFixture();
    try {
      await insertPackets(
        own.pool,
        Array.from({ length: 30 }, (_, index) => ({
          time: `2026-03-01T12:00:${String(index).padStart(2, '0')}Z`,
          length: 200 + index,
          source: '192.0.2.1',
          destination: index % 3 === 0 ? '192.0.2.1' : '192.0.2.2',
          ipProtocol: 17,
          sourcePort: index % 3 === 1 ? 40_000 : 123,
          destinationPort: index % 3 === 2 ? 40_001 : 123,
        })),
      );
      for (const filter of ['port=123', 'host=192.0.2.1', 'host=192.0.2.1&port=123']) {
        const seen: number[] = [];
        let next: string | null = '';
        while (next !== null) {
          const page: Page = await own.get<Page>(`/api/packets?limit=7&${filter}${next ? `&next=${next}` : ''}`);
          seen.push(...page.packets.map(({ length }) => length));
          next = page.next;
        }
        expect(seen, filter).toEqual(Array.from({ length: 30 }, (_, index) => 229 - index));
      }
    } finally {
      await own.remove();
    }
  });

  test('packets of one microsecond are neither lost nor repeated, and new ones do not shift the next page', async () => {
    const own = await createApiFixture();
    try {
      const time = '2026-03-01T12:00:00.000001Z';
      await insertPackets(
        own.pool,
        Array.from({ length: 25 }, (_, index) => ({ time, length: 200 + index, source: '192.0.2.1' })),
      );
      const first = await own.get<Page>('/api/packets?limit=10');
      await insertPackets(own.pool, [{ time: '2026-03-01T12:00:01Z', length: 999, source: '192.0.2.1' }]);
      const second = await own.get<Page>(`/api/packets?limit=10&next=${first.next}`);
      const third = await own.get<Page>(`/api/packets?limit=10&next=${second.next}`);
      const seen = [first, second, third].flatMap(({ packets }) => packets.map(({ length }) => length));
      expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => 224 - index));
      expect(third.next).toBeNull();
    } finally {
      await own.remove();
    }
  });
});

describe('POST /api/packets/search', () => {
  test('takes the fields of the query, as texts, numbers and lists', async () => {
    expect(await search({})).toHaveLength(9);
    expect(await search(undefined)).toHaveLength(9);
    expect(await search({ filter: { port: 443 } })).toEqual([102, 101]);
    expect(await search({ filter: { port: [22, '443'] } })).toEqual([106, 102, 101]);
    expect(await search({ filter: { source: ['192.0.2.0/24'], protocol: 'udp' } })).toEqual([108, 103]);
    expect(await search({ filter: { host: '192.0.2.7' }, limit: 2 })).toEqual([109, 108]);
    expect(await search({ from: timeOf(7), filter: {} })).toEqual([109, 108]);
  });

  test('combines with and, or and not', async () => {
    expect(await search({ filter: { or: [{ protocol: 'arp' }, { protocol: 'icmp' }] } })).toEqual([105, 104]);
    expect(await search({ filter: { host: '192.0.2.7', not: { protocol: 'tcp' } } })).toEqual([108]);
    expect(await search({ filter: { and: [{ host: '192.0.2.7' }, { host: '198.51.100.1' }] } })).toEqual([102, 101]);
    expect(
      await search({
        filter: { or: [{ and: [{ source: '192.0.2.7' }, { not: { vlan: 42 } }] }, { protocol: 'lldp' }] },
      }),
    ).toEqual([109, 107, 101]);
  });

  test('a packet without a port is "not port 443"', async () => {
    expect(await search({ filter: { not: { port: 443 } } })).toEqual([109, 108, 107, 106, 105, 104, 103]);
  });

  test('bounds depth and number of expressions, before anything recurses', async () => {
    const nest = (depth: number): string => `${'{"not":'.repeat(depth)}{}${'}'.repeat(depth)}`;
    for (const filter of [nest(9), nest(6000), `{"or":[${Array.from({ length: 201 }, () => '{"port":1}').join()}]}`]) {
      const { status, body } = await api.post('/api/packets/search', `{"filter":${filter}}`);
      expect(status).toBe(400);
      expect(body.detail).toMatch(/^body\.filter: must (nest|have) at most/);
    }
    expect((await api.post('/api/packets/search', `{"filter":${nest(8)}}`)).status).toBe(200);
  });
});

describe('names that others use', () => {
  test.each([
    ['source_ip=192.0.2.7', 'source=192.0.2.7'],
    ['source=::ffff:192.0.2.7', 'source=192.0.2.7'],
    ['source=::ffff:192.0.2.0/120', 'source=192.0.2.0/24'],
    ['dest_ip=192.0.2.7', 'destination=192.0.2.7'],
    ['destination_ip=192.0.2.7', 'destination=192.0.2.7'],
    ['ip_range=192.0.2.0/24', 'host=192.0.2.0/24'],
    ['ip=192.0.2.7', 'host=192.0.2.7'],
    ['ports=443', 'port=443'],
    ['dest_port=443', 'destination_port=443'],
    ['protocols=TCP,Udp', 'protocol=tcp,udp'],
  ])('%s is %s', async (query, meant) => {
    const expected = await lengths(meant);
    expect(expected.length).toBeGreaterThan(0);
    expect(await lengths(query)).toEqual(expected);
  });

  test('both names of a field must hold', async () => {
    expect(await lengths('source_ip=192.0.2.0/24&source=203.0.113.1')).toEqual([]);
  });

  test('a search takes fields beside its filter', async () => {
    const fields = { ip_range: '192.0.2.0/24', protocols: ['TCP', 'UDP'] };
    const expected = await search({ filter: { host: '192.0.2.0/24', protocol: 'tcp,udp' } });
    expect(expected.length).toBeGreaterThan(0);
    expect(await search(fields)).toEqual(expected);
    expect(await search({ ...fields, filter: { port: 443 } })).toEqual(
      await search({ filter: { host: '192.0.2.0/24', protocol: 'tcp,udp', port: 443 } }),
    );
    expect((await api.post('/api/packets/search', { ip_rang: '10.0.0.0/8' })).body.detail).toBe(
      'body.ip_rang: is unknown; did you mean ip_range?',
    );
  });
});

describe('searches', () => {
  test.each([
    ['tcp', 'protocol=tcp'],
    ['192.0.2.7 port 443', 'host=192.0.2.7&port=443'],
    ['src 192.0.2.7 or dns', null],
    ['not proto tcp,udp and dst 10.0.0.0/8', null],
    ['flags syn,!ack', 'tcp_flags=syn,!ack'],
    ['length >= 108', 'min_length=108'],
    ['length 103-104', null],
    ['dns.name ~ "*"', 'protocol=dns'],
    ['node edge-1 vlan 42', 'capture_node=edge-1&vlan=42'],
  ])('q=%s', async (text, same) => {
    const found = await lengths(`q=${encodeURIComponent(text)}`);
    expect(found.length).toBeGreaterThan(0);
    if (same !== null) expect(found).toEqual(await lengths(same));
    expect(await search({ q: text })).toEqual(found);
  });

  test('each field that can be asked for is listed, and its example is taken', async () => {
    type Fields = Record<string, { name: string; words: string[]; example: string }[]>;
    const fields = await api.get<Fields>('/api/fields');
    expect(fields['packets']!.find(({ name }) => name === 'source')!.words).toEqual(['source_ip', 'src']);
    for (const [list, known] of Object.entries(fields)) {
      for (const { name, example } of known) {
        const text = `${name} "${example.split(',').join('","')}"`;
        const response = await api.request(`/api/${list}?q=${encodeURIComponent(text)}`);
        expect(response.status, `${list}: ${text}`).toBe(200);
      }
    }
  });

  test('what other parameters ask must hold too', async () => {
    expect(await lengths(`q=${encodeURIComponent('port 443')}&tcp_flags=!ack`)).toEqual([101]);
    expect(await search({ q: 'port 443', filter: { not: { tcp_flags: 'ack' } } })).toEqual([101]);
  });

  test('a refusal points at the character', async () => {
    const response = await api.request(`/api/packets?q=${encodeURIComponent('tcp and prot 443')}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      detail: 'q: at character 9: "prot" is no field, address or protocol; did you mean protocol?',
      errors: [{ input: 'q', at: 8, length: 4 }],
    });
  });
});

test.each(['packets', 'alerts', 'stats'])('%s of the first and the last time there is', async (list) => {
  const first = '0001-01-01T00:00:00Z';
  const last = '9999-12-31T23:59:59.999999Z';
  for (const query of [`from=${first}`, `to=${first}`, `from=${last}`, `to=${last}`, `from=${first}&to=${last}`]) {
    expect((await api.request(`/api/${list}?${query}`)).status, query).toBe(200);
  }
});

test('a cursor that no page gave is refused', async () => {
  for (const position of [
    ['2026-03-01T12:00:00.000000Z', '9223372036854775808'],
    ['2026-03-01T12:00:00.000000Z', '-9999999999999999999'],
    ['2026-03-01T12:00:00.000000Z', '1e3'],
    ['T', '1'],
  ]) {
    const next = Buffer.from(JSON.stringify(position)).toString('base64url');
    expect((await api.request(`/api/packets?next=${next}`)).status, JSON.stringify(position)).toBe(400);
  }
  const extreme = Buffer.from(JSON.stringify(['9999-12-31T23:59:59.999999Z', '9223372036854775807'])).toString(
    'base64url',
  );
  expect((await api.request(`/api/packets?next=${extreme}`)).status).toBe(200);
});

describe('refusals name the input, the reason and the remedy', () => {
  test.each([
    [
      'from=0000-01-01',
      'from: must be a time in ISO 8601 with its zone, such as 2026-01-02T03:04:05Z, or a date, of the years 0001 to 9999',
    ],
    ['source=10.0.0.0/8/8', 'source: "10.0.0.0/8/8" is no IP address'],
    ['sorce=1.2.3.4', 'sorce: is unknown; did you mean source?'],
    ['dst-port=1', 'dst-port: is unknown; did you mean destination_port?'],
    ['source=example.org', 'source: "example.org" is no IP address or network; give one such as'],
    ['source=1.2.3', 'source: "1.2.3" is no IP address'],
    ['source=10.0.0.0/33', 'source: "10.0.0.0/33" has no valid prefix length; it is a number from 0 to 32'],
    ['host=02:00:00:00:00:01', 'host: "02:00:00:00:00:01" is a MAC address; use mac'],
    ['source=fe80::1%25eth0', 'source: "fe80::1%eth0" is no IP address'],
    ['port=65536', 'port: "65536" is no number from 0 to 65535'],
    ['port=20-10', 'port: "20-10" is no number'],
    ['port=-1', 'port: "-1" is no number'],
    ['port=', 'port: must not be empty'],
    ['protocol=tpc', 'protocol: "tpc" is no protocol known here; did you mean tcp?'],
    ['tcp_flags=sin', 'tcp_flags: "sin" is no TCP flag'],
    ['vlan=4096', 'vlan: "4096" is no number from 0 to 4095'],
    ['mac=02:00', 'mac: "02:00" is no MAC address'],
    ['failure=tcp_trunkated', 'did you mean tcp_truncated?'],
    ['min_length=1,2', 'min_length: must be one whole number of bytes'],
    ['limit=0', 'limit: must be a whole number from 1 to 1000'],
    ['limit=1001', 'limit: must be a whole number from 1 to 1000'],
    ['limit=ten', 'limit: must be a whole number from 1 to 1000'],
    ['from=yesterday', 'from: must be a time in ISO 8601 with its zone'],
    ['from=2026-03-01T12:00:00', 'from: must be a time in ISO 8601 with its zone'],
    ['from=2026-02-30', 'from: must be a time in ISO 8601'],
    ['from=2026-03-02&to=2026-03-01', 'to: must be later than from'],
    ['hours=1&from=2026-03-01', 'hours: cannot stand beside from or to'],
    ['hours=0', 'hours: must be more than 0'],
    ['hours=1e9', 'hours: must be at most 87600'],
    ['next=abc', 'next: is no cursor of this list'],
    ['capture_node=a%00b', 'capture_node: must not contain a NUL character'],
    ['source=1.1.1.1&source=2.2.2.2', 'source: is given twice; separate values by commas'],
    [`port=${Array.from({ length: 101 }, (_, port) => port).join()}`, 'port: must be at most 100 values'],
  ])('%s', async (query, expected) => {
    const response = await api.request(`/api/packets?${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const problem = (await response.json()) as { detail: string; code: string };
    expect(problem.code).toBe('INVALID_INPUT');
    expect(problem.detail).toContain(expected);
  });

  test('every refused input at once', async () => {
    const response = await api.request('/api/packets?limit=0&port=x&nonsense=1');
    const { errors } = (await response.json()) as { errors: { input: string }[] };
    expect(errors.map(({ input }) => input).sort()).toEqual(['limit', 'nonsense', 'port']);
  });

  test('bodies: no JSON, no object, wrong type, too large', async () => {
    const post = (body: string, type = 'application/json') =>
      api.request('/api/packets/search', { method: 'POST', body, headers: { 'content-type': type } });
    expect((await post('{')).status).toBe(400);
    expect((await post('[]')).status).toBe(400);
    expect((await post('null')).status).toBe(400);
    expect((await post('{"filter":{"port":{"a":1}}}')).status).toBe(400);
    expect((await post('{"filtr":{}}')).status).toBe(400);
    expect((await post('{}', 'text/plain')).status).toBe(415);
    expect((await post(`{"filter":{"source":"${'1'.repeat(70_000)}"}}`)).status).toBe(413);
  });

  test('values are parameters: SQL in any of them is only a value', async () => {
    for (const field of PACKET_FIELD_NAMES) {
      const response = await api.request(`/api/packets?${field}=${encodeURIComponent("1'); DROP TABLE packets; --")}`);
      expect([200, 400]).toContain(response.status);
    }
    expect(await lengths('')).toHaveLength(9);
  });
});
