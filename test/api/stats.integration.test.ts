import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../support/random.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertPackets, rebuildRollups, type SamplePacket } from './sample-data.js';

interface Volume {
  packets: number;
  bytes: number;
}
interface Stats {
  from: string | null;
  to: string | null;
  data_from: string | null;
  data_to: string | null;
  totals: Volume & {
    sources: number;
    failures: number;
    packets_per_second: number;
    tcp_flags: { syn: number; syn_only: number };
  };
  bucket_seconds: number;
  series: (Volume & { time: string; protocols: Record<string, Volume> })[];
  protocols: (Volume & { protocol: string })[];
  top_sources: (Volume & { source: string })[];
  top_destination_ports: (Volume & { destination_port: number; protocol: string })[];
  capture_nodes: (Volume & { capture_node: string })[];
  sites: (Volume & { site: string })[];
  destination_ports_of: string;
}

const NOW = Date.parse('2026-03-08T12:34:30Z');
const HOUR = 3_600_000;

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture({ now: () => NOW });
  const random = new Random(7);
  const packets: SamplePacket[] = Array.from({ length: 4000 }, () => {
    const isTcp = random.unit() < 0.7;
    return {
      time: new Date(NOW - Math.floor(random.unit() ** 3 * 10 * 24 * HOUR)).toISOString(),
      source: `10.0.0.${random.between(1, 40)}`,
      destination: '192.0.2.1',
      ipProtocol: isTcp ? 6 : 17,
      tcpFlags: isTcp ? (random.unit() < 0.5 ? 2 : 18) : null,
      sourcePort: 40_000,
      destinationPort: random.between(1, 30),
      length: random.between(60, 1514),
      captureNode: random.unit() < 0.5 ? 'edge-1' : 'edge-2',
      failure: random.unit() < 0.01 ? 1 : null,
    };
  });
  await insertPackets(api.pool, packets);
  await api.pool.query(`UPDATE origins SET site = CASE capture_node WHEN 'edge-1' THEN 'branch-1' ELSE 'branch-2' END`);
  await rebuildRollups(api.pool);
});
afterAll(() => api?.remove());

/** What the packets table says of the range that the answer says it counted. */
async function truth(
  { from, to }: Stats,
  node = '%',
): Promise<Volume & { syn_only: number; failures: number; sources: number }> {
  const { rows } = await api.pool.query(
    `SELECT count(*) AS packets, coalesce(sum(frame_length), 0)::bigint AS bytes, count(*) FILTER (WHERE tcp_flags & 18 = 2) AS syn_only,
       count(failure) AS failures, count(DISTINCT source) AS sources
     FROM packets JOIN origins ON origins.id = origin_id
     WHERE captured_at >= $1 AND captured_at < $2 AND capture_node LIKE $3`,
    [from, to, node],
  );
  return rows[0];
}

const sum = (rows: readonly Volume[]): Volume => ({
  packets: rows.reduce((total, { packets }) => total + packets, 0),
  bytes: rows.reduce((total, { bytes }) => total + bytes, 0),
});

test.each([
  'hours=0.25',
  'hours=1',
  'hours=24',
  'hours=168',
  'from=2026-03-01T00:17:00Z&to=2026-03-07T23:59:30Z',
  'from=2026-03-08T11:59:59Z&to=2026-03-08T12:00:01Z',
  'hours=168&buckets=7',
  'hours=24&buckets=1000',
  'hours=1&step=1',
  'hours=0.5&step=15',
  'hours=24&step=1800&order_by=bytes',
  'hours=24&site=branch-1,branch-2',
  '',
])('totals, series and rankings of "%s" equal the packets', async (query) => {
  const stats = await api.get<Stats>(`/api/stats?top=100&${query}`);
  const { packets, bytes, ...expected } = await truth(stats);
  expect(stats.totals).toMatchObject({ packets, bytes, failures: expected.failures });
  expect(stats.totals.tcp_flags.syn_only).toBe(expected.syn_only);
  for (const rows of [
    stats.series,
    stats.protocols,
    stats.top_sources,
    stats.top_destination_ports,
    stats.capture_nodes,
    stats.sites,
  ]) {
    expect(sum(rows)).toEqual({ packets, bytes });
  }
  expect(sum(stats.series.flatMap(({ protocols }) => Object.values(protocols)))).toEqual({ packets, bytes });
  // An estimate: 4 % is one standard deviation; so few sources are off by more.
  expect(Math.abs(stats.totals.sources - expected.sources)).toBeLessThanOrEqual(0.25 * expected.sources + 2);
  const times = stats.series.map(({ time }) => time);
  expect(times).toEqual([...new Set(times)].sort());
});

test('hours end now, whatever the age of the data; without a range all data is counted', async () => {
  const day = await api.get<Stats>('/api/stats?hours=24');
  expect(day).toMatchObject({ from: '2026-03-07T12:34:00.000000Z', to: '2026-03-08T12:35:00.000000Z' });
  const all = await api.get<Stats>('/api/stats');
  expect([all.from, all.to]).toEqual([all.data_from, all.data_to]);
  expect(all.totals.packets).toBe(4000);
});

test('buckets bound the series, top the rankings', async () => {
  const stats = await api.get<Stats>('/api/stats?hours=168&buckets=10&top=3');
  // A range that starts inside a bucket touches one more.
  expect(stats.series.length).toBeLessThanOrEqual(11);
  expect(stats.bucket_seconds).toBe(86_400);
  expect(stats.top_sources).toHaveLength(3);
  const { rows } = await api.pool.query(
    `SELECT host(source) AS source, count(*) AS packets FROM packets WHERE captured_at >= $1 AND captured_at < $2
     GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3`,
    [stats.from, stats.to],
  );
  expect(stats.top_sources.map(({ source, packets }) => ({ source, packets }))).toEqual(rows);
});

test('one capture node alone', async () => {
  const stats = await api.get<Stats>('/api/stats?hours=168&capture_node=edge-2');
  const { packets, bytes } = await truth(stats, 'edge-2');
  expect(stats.totals).toMatchObject({ packets, bytes });
  expect(stats.capture_nodes).toEqual([{ capture_node: 'edge-2', packets, bytes }]);
});

test('a site alone, and with a node', async () => {
  const stats = await api.get<Stats>('/api/stats?hours=168&site=branch-2');
  const { packets, bytes } = await truth(stats, 'edge-2');
  expect(stats.totals).toMatchObject({ packets, bytes });
  expect(stats.sites).toEqual([{ site: 'branch-2', packets, bytes }]);
  const none = await api.get<Stats>('/api/stats?hours=168&site=branch-2&capture_node=edge-1');
  expect(none).toMatchObject({ totals: { packets: 0 }, sites: [], series: [] });
});

test('a step is of whole seconds, for the last hour down to one', async () => {
  const stats = await api.get<Stats>('/api/stats?hours=1&step=5');
  expect(stats.bucket_seconds).toBe(5);
  expect(stats.series.every(({ time }) => Date.parse(time) % 5_000 === 0)).toBe(true);
  for (const [query, reason] of [
    ['hours=2&step=1', /for the last hour/],
    ['step=30', /for the last hour/],
    ['hours=1&step=7', /must divide a minute/],
    ['hours=1&step=90', /must divide a minute/],
    ['hours=1&step=0', /from 1 to/],
    ['hours=168&step=60', /makes 10\d\d\d points/],
  ] as const) {
    const response = await api.request(`/api/stats?${query}`);
    expect(response.status, query).toBe(400);
    const { errors } = (await response.json()) as { errors: unknown };
    expect(errors, query).toEqual([{ input: 'step', reason: expect.stringMatching(reason) }]);
  }
});

test('rankings by bytes', async () => {
  for (const key of ['protocols', 'top_sources', 'top_destination_ports', 'capture_nodes'] as const) {
    const rows: Volume[] = (await api.get<Stats>('/api/stats?hours=168&order_by=bytes'))[key];
    const bytes = rows.map((row) => row.bytes);
    expect(bytes, key).toEqual([...bytes].sort((a, b) => b - a));
  }
});

test('the rest of a ranking stands last, however much it is', async () => {
  const own = await createApiFixture({ now: () => NOW });
  try {
    await own.pool.query(
      `INSERT INTO traffic_sources (bucket, packets, bytes, resolution, capture_node, source)
       SELECT '2026-03-08T12:00Z', packets, packets * 100, resolution, 'edge-1', source
       FROM (VALUES ('other', 1000), ('192.0.2.1', 10), ('192.0.2.2', 20)) AS given (source, packets), (VALUES (1), (60)) AS r (resolution)`,
    );
    await own.pool.query(
      `INSERT INTO traffic_totals SELECT '2026-03-08T12:00Z', 1030, 103000, 1030, 0, 0, 0, 0, 0, 0, 0, 0, resolution, 'edge-1', repeat('0', 12288)::bit(12288)
       FROM (VALUES (1), (60)) AS r (resolution)`,
    );
    const { top_sources: sources } = await own.get<Stats>('/api/stats?hours=1&top=1');
    expect(sources.map(({ source, packets }) => [source, packets])).toEqual([
      ['192.0.2.2', 20],
      ['other', 1000],
    ]);
  } finally {
    await own.remove();
  }
});

test('an empty database and a range without data are answers, not errors', async () => {
  const own = await createApiFixture({ now: () => NOW });
  try {
    for (const query of ['', '?hours=24', '?from=2026-01-01']) {
      const stats = await own.get<Stats>(`/api/stats${query}`);
      expect(stats.totals.packets).toBe(0);
      expect(stats.series).toEqual([]);
      expect(stats.data_from).toBeNull();
    }
  } finally {
    await own.remove();
  }
  const old = await api.get<Stats>('/api/stats?to=2020-01-01');
  expect(old.totals.packets).toBe(0);
});

test('reads rollups only: packets may be unreadable', async () => {
  const client = await api.pool.connect();
  try {
    await client.query('ALTER TABLE packet_segments RENAME TO packet_segments_away');
    expect((await api.get<Stats>('/api/stats?hours=168')).totals.packets).toBeGreaterThan(0);
  } finally {
    await client.query('ALTER TABLE packet_segments_away RENAME TO packet_segments');
    client.release();
  }
});

test('who talks to whom, by what, and what became of it', async () => {
  const minute = (minutesAgo: number): string => new Date(Math.floor(NOW / 60_000 - minutesAgo) * 60_000).toISOString();
  for (const [bucket, kind, name, conversations, bytes] of [
    [minute(1), 'service', 'dns', 5, 500],
    [minute(1), 'service', 'other', 1, 50],
    [minute(2), 'service', 'dns', 5, 500],
    [minute(2), 'service', 'ssl', 1, 9_000],
    [minute(1), 'pair', '10.0.0.1 192.0.2.1', 4, 400],
    [minute(2), 'pair', '10.0.0.2 192.0.2.1', 1, 9_000],
    [minute(2), 'pair', '2001:db8::1 2001:db8::2', 2, 200],
    [minute(2), 'pair', 'other', 7, 100_000],
    [minute(1), 'outcome', 'answered', 10, 9_500],
    [minute(1), 'port', '6 443', 2, 9_000],
    [minute(1), 'port', '17 53', 7, 700],
    [minute(1), 'port', 'other', 70, 70_000],
  ] as const) {
    await api.pool.query(
      `INSERT INTO traffic_conversations (bucket, conversations, packets, bytes, resolution, kind, name, capture_node)
       VALUES ($1, $2::bigint, $2::bigint * 10, $3, 1, $4, $5, 'edge-1')`,
      [bucket, conversations, bytes, kind, name],
    );
  }
  const stats = await api.get('/api/stats?hours=0.5');
  expect(stats).toMatchObject({
    top_services: [
      { service: 'ssl', conversations: 1, packets: 10, bytes: 9_000 },
      { service: 'dns', conversations: 10, packets: 100, bytes: 1_000 },
      { service: 'other', conversations: 1 },
    ],
    top_pairs: [
      { originator: '10.0.0.2', responder: '192.0.2.1', bytes: 9_000 },
      { originator: '10.0.0.1', responder: '192.0.2.1', bytes: 400 },
      { originator: '2001:db8::1', responder: '2001:db8::2', bytes: 200 },
    ],
    top_destinations: [
      { destination: '192.0.2.1', conversations: 5, bytes: 9_400 },
      { destination: '2001:db8::2', conversations: 2, bytes: 200 },
    ],
    outcomes: [{ outcome: 'answered', conversations: 10 }],
    destination_ports_of: 'conversations',
    top_destination_ports: [
      { destination_port: 443, protocol: 'tcp', conversations: 2, packets: 20, bytes: 9_000 },
      { destination_port: 53, protocol: 'udp', conversations: 7 },
    ],
  });
  const byPackets = await api.get<Stats>('/api/stats?hours=0.5&order_by=packets');
  expect(byPackets.top_destination_ports.map((row) => row.destination_port)).toEqual([53, 443]);
  expect(await api.get('/api/stats?hours=0.5&capture_node=edge-2')).toMatchObject({ top_services: [], top_pairs: [] });
});
