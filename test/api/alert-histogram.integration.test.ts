/** `GET /api/alerts/histogram`: counts over time by severity, by rule and by technique. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AlertHistogram } from '../../api/routes/alert-histogram.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertAlerts } from './sample-data.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await createApiFixture();
  const minute = (value: number): string => `2026-03-01T09:${String(value).padStart(2, '0')}:00Z`;
  await insertAlerts(api.pool, [
    { id: 'a', severity: 4, firstSeen: minute(1), lastSeen: minute(2) },
    { id: 'b', severity: 4, firstSeen: minute(1), lastSeen: minute(3) },
    { id: 'c', severity: 2, firstSeen: minute(1), lastSeen: minute(9), source: '192.0.2.1' },
    { id: 'd', severity: 3, firstSeen: minute(30), lastSeen: minute(31), ruleId: 'syn-flood', ruleName: 'SYN flood' },
  ]);
  await api.post('/api/alerts/b/resolve');
});
afterAll(() => api?.remove());

const histogram = (query: string): Promise<AlertHistogram> => api.get(`/api/alerts/histogram${query}`);

test('counts when thresholds were crossed, by severity, rule and technique', async () => {
  const all = await histogram('');
  expect(all.bucket_seconds).toBe(60);
  expect(all.series).toEqual([
    { time: '2026-03-01T09:01:00.000000Z', severity: 2, alerts: 1 },
    { time: '2026-03-01T09:01:00.000000Z', severity: 4, alerts: 2 },
    { time: '2026-03-01T09:30:00.000000Z', severity: 3, alerts: 1 },
  ]);
  expect(all.rules).toEqual([
    { rule_id: 'port-scan', rule_name: 'Port scan', alerts: 3, unresolved: 2 },
    { rule_id: 'syn-flood', rule_name: 'SYN flood', alerts: 1, unresolved: 1 },
  ]);
  expect(all.techniques).toEqual([{ technique: 'T1046', alerts: 4, unresolved: 3 }]);
  expect(all.complete).toBe(true);
});

test('takes the filters, the search and the time of lists, and as many points as are wanted', async () => {
  const counted = async (query: string): Promise<number> =>
    (await histogram(query)).series.reduce((sum, { alerts }) => sum + alerts, 0);
  expect(await counted('?min_severity=3')).toBe(3);
  expect(await counted('?resolved=true')).toBe(1);
  expect(await counted('?q=src+192.0.2.1')).toBe(1);
  expect(await counted('?from=2026-03-01T09:20:00Z&to=2026-03-01T10:00:00Z')).toBe(1);
  expect((await histogram('?buckets=1')).series).toHaveLength(3);
  expect((await histogram('?buckets=1')).bucket_seconds).toBeGreaterThanOrEqual(1800);
  expect(await histogram('?rule=none')).toMatchObject({ series: [], rules: [], techniques: [] });
  expect((await api.request('/api/alerts/histogram?buckets=0')).status).toBe(400);
});
