/** Traffic over time as the chart draws it. */
import { expect, it } from 'vitest';
import { layOut } from '../../../api/dashboard/words/pairs.js';
import { timeUnit, trafficOfGroups, trafficOfStats } from '../../../api/dashboard/words/traffic.js';
import type { Stats } from '../../../api/routes/stats.js';

const volume = (bytes: number) => ({ bytes, packets: bytes / 100 });
const NOW = Date.parse('2026-01-01T00:10:00Z');

it('buckets without traffic are there, and one that still runs is divided by how long it has', () => {
  const stats = {
    from: '2026-01-01T00:06:00Z',
    to: '2026-01-01T00:11:00Z',
    bucket_seconds: 60,
    protocols: [
      { protocol: 'tcp', ...volume(1) },
      { protocol: 'udp', ...volume(1) },
    ],
    series: [
      { time: '2026-01-01T00:06:00Z', ...volume(600), protocols: { tcp: volume(600), gre: volume(60) } },
      { time: '2026-01-01T00:09:30Z', ...volume(600), protocols: { udp: volume(600) } },
    ],
  } as unknown as Stats;
  const traffic = trafficOfStats(stats, 'bits', NOW);
  expect(traffic.times).toHaveLength(5);
  expect(traffic.series.map(({ name, color }) => [name, color])).toEqual([
    ['tcp', '--series-1'],
    ['udp', '--series-2'],
    ['other', '--series-other'],
  ]);
  expect(traffic.series[0]!.values).toEqual([80, 0, 0, 0, 0]);
  expect(traffic.series[2]!.values[0]).toBe(8);
  expect(trafficOfStats({ ...stats, from: null }, 'bits', NOW).series).toEqual([]);
});

it('groups of conversations by time and service become the same', () => {
  const groups = [
    { minute: '2026-01-01T00:01:00Z', service: 'ssl', conversations: 2, ...volume(6_000) },
    { minute: '2026-01-01T00:02:00Z', service: 'dns', conversations: 2, ...volume(60) },
  ];
  const span = { from: Date.parse('2026-01-01T00:00:00Z') / 1000, to: Date.parse('2026-01-01T00:04:00Z') / 1000 };
  const traffic = trafficOfGroups({ groups, complete: true } as never, 'minute', span, 'packets', NOW);
  expect(traffic.series.map(({ name, values }) => [name, values])).toEqual([
    ['ssl', [0, 1, 0, 0]],
    ['dns', [0, 0, 0.01, 0]],
  ]);
  expect([3_600, 86_400, 90 * 86_400].map(timeUnit)).toEqual(['minute', 'hour', 'day']);
});

it('bands of pairs fill their blocks and no more', () => {
  const pairs = [
    { originator: 'a', responder: 'x', ...volume(300) },
    { originator: 'a', responder: 'y', ...volume(100) },
    { originator: 'b', responder: 'x', ...volume(100) },
  ];
  const { left, right, bands, height } = layOut(pairs, 'bytes', 250);
  expect(left.map(({ name, height: size }) => [name, size])).toEqual([
    ['a', 200],
    ['b', 50],
  ]);
  expect(right.map(({ name }) => name)).toEqual(['x', 'y']);
  expect(bands.map(({ left: top }) => top)).toEqual([0, 150, left[1]!.top]);
  expect(height).toBeGreaterThanOrEqual(256);
});
