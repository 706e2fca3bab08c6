/** `GET /api/incidents`: alerts by their incident, filtered and paged. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertAlerts } from './sample-data.js';

interface Incident {
  id: string;
  severity: number;
  status: string;
  resolved: boolean;
  sources: string[];
  targets: string[];
  rule_ids: string[];
  alert_count: number;
  first_seen: string;
  last_seen: string;
  alerts: { id: string }[];
}
interface Page {
  incidents: Incident[];
  next: string | null;
}

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture({ now: () => Date.parse('2026-03-01T13:00:00Z') });
  const evidence = { packets: 10, targets: { distinct: 2, sample: ['10.0.0.5', '10.0.0.6'] } };
  await insertAlerts(api.pool, [
    {
      id: 'scan',
      ruleId: 'port-scan',
      severity: 3,
      status: 'closed',
      firstSeen: '2026-03-01T12:00:00Z',
      lastSeen: '2026-03-01T12:01:00Z',
      incidentId: 'nmap',
      evidence,
    },
    {
      id: 'probe',
      ruleId: 'os-fingerprint',
      severity: 1,
      firstSeen: '2026-03-01T12:02:00Z',
      lastSeen: '2026-03-01T12:03:00Z',
      incidentId: 'nmap',
    },
    {
      id: 'flood',
      ruleId: 'syn-flood',
      severity: 4,
      source: '192.0.2.9',
      firstSeen: '2026-03-01T11:00:00Z',
      lastSeen: '2026-03-01T11:01:00Z',
      incidentId: 'flood',
    },
    {
      id: 'old',
      ruleId: 'syn-flood',
      severity: 4,
      firstSeen: '2026-03-01T10:00:00Z',
      lastSeen: '2026-03-01T10:01:00Z',
    },
  ]);
});
afterAll(() => api?.remove());

const list = (query: string): Promise<Page> => api.get<Page>(`/api/incidents?${query}`);

test('an incident is what its alerts say together', async () => {
  const { incidents, next } = await list('');
  expect(next).toBeNull();
  expect(incidents.map(({ id }) => id)).toEqual(['nmap', 'flood']);
  expect(incidents[0]).toMatchObject({
    severity: 3,
    severity_name: 'medium',
    status: 'open',
    resolved: false,
    sources: ['192.0.2.66'],
    targets: ['10.0.0.5', '10.0.0.6'],
    rule_ids: ['os-fingerprint', 'port-scan'],
    capture_nodes: ['edge-1'],
    alert_count: 2,
    began_at: '2026-03-01T12:00:00.000000Z',
    first_seen: '2026-03-01T12:00:00.000000Z',
    last_seen: '2026-03-01T12:03:00.000000Z',
    alerts: [{ id: 'scan' }, { id: 'probe' }],
  });
});

test('incidents are filtered by what one of their alerts meets, and keep all of their alerts', async () => {
  const { incidents } = await list('rule=os-fingerprint');
  expect(incidents.map(({ id, alert_count }) => [id, alert_count])).toEqual([['nmap', 2]]);
  expect((await list('min_severity=4')).incidents.map(({ id }) => id)).toEqual(['flood']);
  expect((await list('q=src%20192.0.2.9')).incidents.map(({ id }) => id)).toEqual(['flood']);
});

test('incidents are paged', async () => {
  const first = await list('limit=1');
  const second = await list(`limit=1&next=${first.next}`);
  expect([...first.incidents, ...second.incidents].map(({ id }) => id)).toEqual(['nmap', 'flood']);
  expect(second.next).toBeNull();
  expect((await api.request('/api/incidents?limit=1&next=nonsense')).status).toBe(400);
});

test('one incident has its alerts whole, and alerts are found by their incident', async () => {
  const body = await api.get<Incident & { alerts: { evidence: object }[] }>('/api/incidents/nmap');
  expect(body.alerts).toHaveLength(2);
  expect(body.alerts[0]).toMatchObject({ id: 'scan', incident_id: 'nmap', evidence: { packets: 10 } });
  const alerts = await api.get<{ alerts: { id: string }[] }>('/api/alerts?incident=nmap');
  expect(alerts.alerts.map(({ id }) => id)).toEqual(['probe', 'scan']);
  const missing = await api.request('/api/incidents/none');
  expect([missing.status, ((await missing.json()) as { code: string }).code]).toEqual([404, 'NO_SUCH_INCIDENT']);
});
