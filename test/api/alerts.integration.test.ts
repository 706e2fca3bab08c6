import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertAlerts } from './sample-data.js';

interface AlertBody {
  id: string;
  resolved: boolean;
  resolved_at: string | null;
  resolved_by: string | null;
  note: string | null;
  status: string;
  history: { action: string; actor: string | null; note: string | null; occurred_at: string }[];
}
interface Page {
  alerts: AlertBody[];
  next: string | null;
  counts: { unresolved: number; resolved: number; open: number; highest_severity: number };
}

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture({ now: () => Date.parse('2026-03-01T13:00:00Z') });
  await insertAlerts(api.pool, [
    {
      id: 'scan',
      ruleId: 'port-scan',
      severity: 3,
      source: '192.0.2.7',
      firstSeen: '2026-03-01T12:00:00Z',
      lastSeen: '2026-03-01T12:40:00.123456Z',
    },
    {
      id: 'flood',
      ruleId: 'syn-flood',
      severity: 5,
      source: '2001:db8::7',
      firstSeen: '2026-03-01T11:00:00Z',
      lastSeen: '2026-03-01T12:30:00Z',
      captureNodes: ['edge-1', 'edge-2'],
    },
    {
      id: 'force',
      ruleId: 'brute-force',
      severity: 4,
      status: 'closed',
      source: '192.0.2.9',
      destinationPort: 22,
      firstSeen: '2026-03-01T09:00:00Z',
      lastSeen: '2026-03-01T09:10:00Z',
    },
    {
      id: 'mac',
      ruleId: 'arp-spoofing',
      severity: 2,
      source: '02:00:00:00:00:aa',
      firstSeen: '2026-02-01T09:00:00Z',
      lastSeen: '2026-02-01T09:10:00Z',
    },
  ]);
});
afterAll(() => api?.remove());

test.each([
  ['', ['scan', 'flood', 'force', 'mac']],
  ['status=open', ['scan', 'flood', 'mac']],
  ['status=closed', ['force']],
  ['rule=port-scan,syn-flood', ['scan', 'flood']],
  ['severity=4', ['force']],
  ['min_severity=4', ['flood', 'force']],
  ['source=192.0.2.7', ['scan']],
  ['source=192.0.2.0/24', ['scan', 'force']],
  ['source_ip=192.0.2.7', ['scan']],
  ['source_ip=::ffff:192.0.2.7', ['scan']],
  ['source=192.0.2.7,2001:db8::7', ['scan', 'flood']],
  ['ip_range=192.0.2.0/24', ['scan', 'force']],
  ['dest_ip=192.0.2.7', []],
  ['port=22', ['force']],
  ['ports=22,23', ['force']],
  ['severity=high,critical', ['flood', 'force']],
  ['q=severity>=4', ['flood', 'force']],
  ['q=not(rule port-scan or src 2001:db8::/32) port 22', ['force']],
  ['q=192.0.2.0/24 and not status closed', ['scan']],
  ['q=not port 22&min_severity=3', ['scan', 'flood']],
  ['technique=T1046', ['scan', 'flood', 'force', 'mac']],
  ['source=2001:db8::/32', ['flood']],
  ['source=02:00:00:00:00:aa', ['mac']],
  ['capture_node=edge-2', ['flood']],
  ['hours=1', ['scan', 'flood']],
  ['from=2026-03-01T09:05:00Z&to=2026-03-01T11:30:00Z', ['flood', 'force']],
  ['to=2026-02-28', ['mac']],
  ['resolved=true', []],
])('GET /api/alerts?%s', async (query, expected) => {
  const { alerts } = await api.get<Page>(`/api/alerts?${query}`);
  expect(alerts.map(({ id }) => id)).toEqual(expected);
});

test('pages visit every alert once', async () => {
  const seen: string[] = [];
  let next: string | null = '';
  while (next !== null) {
    const page: Page = await api.get<Page>(`/api/alerts?limit=1${next ? `&next=${encodeURIComponent(next)}` : ''}`);
    seen.push(...page.alerts.map(({ id }) => id));
    next = page.next;
  }
  expect(seen).toEqual(['scan', 'flood', 'force', 'mac']);
});

test('counts follow the filter, not the page', async () => {
  const page = await api.get<Page>('/api/alerts?min_severity=3&limit=1&resolved=true');
  expect(page.alerts).toEqual([]);
  expect(page.counts).toEqual({ unresolved: 3, resolved: 0, open: 2, highest_severity: 5 });
});

test('one alert carries its evidence and history; an unknown one is a 404', async () => {
  const alert = await api.get<AlertBody & { evidence: { packets: number }; severity_name: string }>(
    '/api/alerts/force',
  );
  expect(alert).toMatchObject({
    status: 'closed',
    close_reason: 'quiet',
    severity_name: 'high',
    evidence: { packets: 100 },
  });
  expect(alert.history.map(({ action }) => action)).toEqual(['open', 'close']);
  const missing = await api.request('/api/alerts/nope');
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({
    code: 'NO_SUCH_ALERT',
    detail: expect.stringContaining('there is no alert "nope"'),
  });
  expect((await api.request('/api/alerts/a%00b')).status).toBe(400);
});

test('resolve and reopen: written once each, with who and why', async () => {
  const first = await api.post<AlertBody>('/api/alerts/scan/resolve', { note: 'our scanner', by: 'ada' });
  expect(first.status).toBe(200);
  expect(first.body).toMatchObject({ resolved: true, resolved_by: 'ada', note: 'our scanner', status: 'open' });

  const again = await api.post<AlertBody>('/api/alerts/scan/resolve', { note: 'me too', by: 'bob' });
  expect(again.status).toBe(200);
  expect(again.body).toMatchObject({ resolved_by: 'ada', note: 'our scanner', resolved_at: first.body.resolved_at });
  expect(again.body.history).toEqual(first.body.history);
  expect((await api.get<Page>('/api/alerts?resolved=true')).alerts.map(({ id }) => id)).toEqual(['scan']);

  const reopened = await api.post<AlertBody>('/api/alerts/scan/reopen');
  expect(reopened.body).toMatchObject({ resolved: false, resolved_by: null, note: null });
  expect(reopened.body.history.map(({ action, actor }) => [action, actor])).toEqual([
    ['open', null],
    ['resolve', 'ada'],
    ['reopen', 'api'],
  ]);
  expect((await api.post<AlertBody>('/api/alerts/scan/reopen')).body.history).toHaveLength(3);
});

test('twenty resolutions at once make one event', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => api.post<AlertBody>('/api/alerts/flood/resolve', { by: `p${index}` })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const { history } = await api.get<AlertBody>('/api/alerts/flood');
  expect(history.filter(({ action }) => action === 'resolve')).toHaveLength(1);
});

test.each([[['T', 'a']], [['2026-03-01', 'a']], [['-', '']], [['2026-03-01T12:00:00.000000Z', 'a', 'b']], [[1, 'a']]])(
  'a cursor of another list is refused: %j',
  async (position) => {
    const next = Buffer.from(JSON.stringify(position)).toString('base64url');
    const response = await api.request(`/api/alerts?next=${next}`);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { detail: string }).detail).toContain('next: is no cursor of this list');
  },
);

test('control characters are no part of a name or a note, line ends are one of a note', async () => {
  const refuse = async (body: object) => (await api.post('/api/alerts/mac/resolve', body)).status;
  for (const text of ['a\u0000b', 'a\u001b[31mb', 'a\u007fb', 'a\u202eb', 'a\u2028b', 'a\u009bb', 'a\ud800b']) {
    expect(await refuse({ by: text }), JSON.stringify(text)).toBe(400);
    expect(await refuse({ note: text }), JSON.stringify(text)).toBe(400);
  }
  expect(await refuse({ by: 'ada\nadmin' })).toBe(400);
  const noted = await api.post<AlertBody>('/api/alerts/mac/resolve', { note: 'one\ntwo\tthree', by: 'Ada Lovelace' });
  expect(noted.body).toMatchObject({ note: 'one\ntwo\tthree', resolved_by: 'Ada Lovelace' });
  await api.post('/api/alerts/mac/reopen');
});

test('refusals', async () => {
  expect((await api.post('/api/alerts/nope/resolve')).status).toBe(404);
  expect((await api.post('/api/alerts/scan/resolve', { note: 'x'.repeat(4001) })).body.detail).toContain(
    'body.note: must have at most 4000',
  );
  expect((await api.post('/api/alerts/scan/resolve', { nte: 'x' })).body.detail).toBe(
    'body.nte: is unknown; did you mean note?',
  );
  expect((await api.post('/api/alerts/scan/resolve', '{')).body.detail).toBe('body: is no valid JSON');
  for (const [query, reason] of [
    ['status=opened', 'status: must be open or closed'],
    ['severity=6', 'severity: "6" must be a severity from 1 to 5'],
    ['source=nobody', 'source: "nobody" is no IP address or network; give one such as 192.0.2.7'],
    ['source=10.0.0.0/8/9', 'source: "10.0.0.0/8/9" is no IP address or network'],
    ['resolved=maybe', 'resolved: must be true or false'],
    ['min_sev=1', 'min_sev: is unknown; did you mean min_severity?'],
  ]) {
    const response = await api.request(`/api/alerts?${query}`);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { detail: string }).detail).toContain(reason);
  }
});
