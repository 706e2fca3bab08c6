/** Exceptions through the API: what is refused, who may, what an alert proposes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertAlerts } from './sample-data.js';

interface Refusal {
  errors: { input: string; reason: string }[];
}

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture({ now: () => Date.parse('2026-03-01T13:00:00Z') });
  await insertAlerts(api.pool, [
    {
      id: 'force',
      ruleId: 'brute-force',
      source: '192.0.2.9',
      destinationPort: 22,
      firstSeen: '2026-03-01T12:00:00Z',
      lastSeen: '2026-03-01T12:01:00Z',
    },
  ]);
});
afterAll(() => api?.remove());

test.each([
  [{ note: 'all' }, 'body', 'must have at least one of'],
  [{ sources: ['10.0.0.1'] }, 'body.note', 'is missing; it must be a text'],
  [{ sources: ['10.0.0.300'], note: 'x' }, 'body.sources.0', ''],
  [{ ports: ['90-80'], note: 'x' }, 'body.ports.0', 'must be a port'],
  [{ hours: { from: '25:00', to: '05:00', zone: 'UTC' }, note: 'x' }, 'body.hours.from', 'must be a time of day'],
  [{ hours: { from: '22:00', to: '05:00', zone: 'Mars' }, note: 'x' }, 'body.hours.zone', 'must be a time zone'],
  [{ rules: ['port-scan'], expires_at: 'soon', note: 'x' }, 'body.expires_at', 'must be a time'],
  [{ source: ['10.0.0.1'], note: 'x' }, 'body.source', ''],
  [{ rules: ['port-scan'], alert_id: 'none', note: 'x' }, 'body.alert_id', 'there is no such alert'],
])('%j is refused', async (body, input, reason) => {
  const { status, body: answer } = await api.post<Refusal>('/api/exceptions', body);
  expect(status).toBe(400);
  expect(answer.errors.map((error) => error.input)).toContain(input);
  expect(answer.errors.find((error) => error.input === input)!.reason).toContain(reason);
});

test('an exception is made, shown and taken back; without a broker it waits to be published', async () => {
  const wanted = {
    rules: ['port-scan'],
    sources: ['10.0.0.0/8', '02:00:00:00:00:01'],
    ports: [443, '8000-8100'],
    hours: { from: '22:00', to: '05:00', zone: 'Europe/Berlin', days: ['sat'] },
    expires_at: '2100-01-01T00:00:00.000000Z',
    note: 'load test',
  };
  const made = await api.post<{ id: string }>('/api/exceptions', { ...wanted, by: 'ada' });
  expect(made).toMatchObject({ status: 201, body: { ...wanted, created_by: 'ada', published: false } });
  const { id } = made.body;
  const list = () => api.get<{ exceptions: { id: string }[] }>('/api/exceptions');
  expect((await list()).exceptions.map((exception) => exception.id)).toEqual([id]);
  const remove = () =>
    api.request(`/api/exceptions/${id}`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer a-token-of-the-tests-0123456789' },
    });
  expect((await remove()).status).toBe(200);
  expect((await remove()).status).toBe(404);
  expect((await list()).exceptions).toEqual([]);
  expect((await api.request(`/api/exceptions/${id}`, { method: 'DELETE' })).status).toBe(401);
});

test('a rule that no processor has told of and no alert has is refused', async () => {
  const except = (rules: readonly string[]) => api.post<Refusal>('/api/exceptions', { rules, note: 'x' });
  const tell = (part: string, rules: readonly string[]) =>
    api.pool.query(
      `INSERT INTO rules_in_force (processor, part, configuration, version, sent_at, received_at, interval_ms, rules)
       VALUES ('a', $1, '', '1', now(), now(), 60000, $2)`,
      [part, JSON.stringify(rules.map((id) => ({ id })))],
    );
  // not all rules are known before a worker and a hunt have told theirs
  expect((await except(['syn-floods'])).status).toBe(201);
  await tell('worker', ['port-scan', 'syn-flood']);
  expect((await except(['beacon'])).status).toBe(201);
  await tell('hunt', ['beacon']);
  expect((await except(['port-scan', 'brute-force', 'beacon'])).status).toBe(201);
  const { status, body } = await except(['port-scan', 'syn-floods']);
  expect([status, body.errors]).toEqual([
    400,
    [
      {
        input: 'body.rules.1',
        reason: 'is the id of no rule that a processor has in force or an alert has; GET /api/rules lists them',
      },
    ],
  ]);
});

test('an alert proposes the narrowest exception, and makes it when it is told why', async () => {
  const proposal = {
    rules: ['brute-force'],
    sources: ['192.0.2.9'],
    ports: [22],
    expires_at: '2026-03-31T13:00:00.000Z',
    alert_id: 'force',
  };
  expect(await api.post('/api/alerts/force/except', {})).toMatchObject({ status: 200, body: proposal });
  expect((await api.post('/api/alerts/force/except', { create: true })).status).toBe(400);
  const made = await api.post('/api/alerts/force/except', { create: true, note: 'our backup' });
  expect(made).toMatchObject({ status: 201, body: { rules: ['brute-force'], alert_id: 'force', note: 'our backup' } });
  expect((await api.post('/api/alerts/none/except', {})).status).toBe(404);

  const changed = { ...proposal, sources: ['192.0.2.0/24'], note: 'all of it' };
  expect(await api.post('/api/exceptions', changed)).toMatchObject({
    status: 201,
    body: { sources: ['192.0.2.0/24'], alert_id: 'force', note: 'all of it' },
  });
});
