/** What people decide about alerts, and pages of a list that changes meanwhile. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertAlerts } from './sample-data.js';

interface AlertBody {
  id: string;
  triage: string;
  verdict: string | null;
  assignee: string | null;
  resolved: boolean;
  resolved_by: string | null;
  note: string | null;
  history: { action: string; actor: string | null; note: string | null; before: object | null; after: object | null }[];
}
interface Page {
  alerts: AlertBody[];
  next: string | null;
}
interface Outcome {
  changed: string[];
  unchanged: string[];
  missing: string[];
}

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture();
});
beforeEach(async () => {
  await api.pool.query('TRUNCATE alerts, alert_events');
  await insertAlerts(
    api.pool,
    ['a', 'b', 'c', 'd', 'e'].map((id, index) => ({
      id,
      firstSeen: `2026-03-01T1${index}:00:00Z`,
      lastSeen: `2026-03-01T1${index}:30:00Z`,
    })),
  );
});
afterAll(() => api?.remove());

const triage = async (id: string, body: object): Promise<AlertBody> => {
  const answer = await api.post<AlertBody>(`/api/alerts/${id}/triage`, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
};
const undo = (id: string) => api.post<AlertBody & { code: string }>(`/api/alerts/${id}/undo`);
const ids = async (query: string): Promise<string[]> =>
  (await api.get<Page>(`/api/alerts?${query}`)).alerts.map(({ id }) => id);

describe('an alert', () => {
  test('goes from new to resolved, and everything said is in its history', async () => {
    expect((await api.get<AlertBody>('/api/alerts/a')).triage).toBe('new');
    expect(await triage('a', { status: 'acknowledged', by: 'ada' })).toMatchObject({ triage: 'acknowledged' });
    expect(await triage('a', { status: 'in_progress', assignee: 'bob' })).toMatchObject({
      triage: 'in_progress',
      assignee: 'bob',
    });
    expect(await triage('a', { note: 'asked the owner', by: 'bob' })).toMatchObject({
      triage: 'in_progress',
      note: null,
    });
    const resolved = await triage('a', { status: 'resolved', verdict: 'benign', note: 'our scanner', by: 'bob' });
    expect(resolved).toMatchObject({
      triage: 'resolved',
      resolved: true,
      resolved_by: 'bob',
      verdict: 'benign',
      note: 'our scanner',
    });
    expect(resolved.history.map(({ action, actor, note }) => [action, actor, note])).toEqual([
      ['open', null, null],
      ['acknowledge', 'ada', null],
      ['start', 'api', null],
      ['note', 'bob', 'asked the owner'],
      ['resolve', 'bob', 'our scanner'],
    ]);
    expect(resolved.history.at(-1)).toMatchObject({
      before: { stage: 'in_progress', verdict: null, resolved_by: null },
      after: { stage: 'in_progress', verdict: 'benign', resolved_by: 'bob' },
    });
  });

  test('that is reopened is as far as it was', async () => {
    await triage('a', { status: 'in_progress' });
    await api.post('/api/alerts/a/resolve', { verdict: 'duplicate' });
    const { body } = await api.post<AlertBody>('/api/alerts/a/reopen');
    expect(body).toMatchObject({ triage: 'in_progress', resolved: false, resolved_by: null, verdict: 'duplicate' });
  });

  test('is left alone by what changes nothing', async () => {
    await triage('a', { status: 'acknowledged' });
    const again = await triage('a', { status: 'acknowledged', assignee: null });
    expect(again.history.map(({ action }) => action)).toEqual(['open', 'acknowledge']);
  });

  test('says why a decision about it is refused', async () => {
    for (const [body, reason] of [
      [{}, 'body: says nothing; give a status'],
      [{ by: 'ada' }, 'body: says nothing'],
      [{ status: 'done' }, 'body.status: must be new, acknowledged, in_progress, resolved'],
      [{ verdict: 'false' }, 'body.verdict: must be true_positive'],
      [{ assignee: 'a\u0007' }, 'body.assignee: must not contain control characters'],
    ] as const) {
      const answer = await api.post<{ detail: string }>('/api/alerts/a/triage', body);
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toContain(reason);
    }
    expect((await api.post('/api/alerts/nope/triage', { note: 'x' })).status).toBe(404);
    expect((await undo('nope')).status).toBe(404);
  });
});

describe('undo', () => {
  test('takes decisions back, the latest first, until none is left', async () => {
    await triage('a', { status: 'acknowledged', assignee: 'ada' });
    await triage('a', { note: 'a word is no decision' });
    await api.post('/api/alerts/a/resolve', { note: 'wrong one', by: 'bob', verdict: 'benign' });
    expect((await undo('a')).body).toMatchObject({
      triage: 'acknowledged',
      verdict: null,
      note: null,
      assignee: 'ada',
    });
    expect((await undo('a')).body).toMatchObject({ triage: 'new', assignee: null });
    const nothing = await undo('a');
    expect(nothing.status).toBe(409);
    expect(nothing.body.code).toBe('NOTHING_TO_UNDO');
    const { history } = await api.get<AlertBody>('/api/alerts/a');
    expect(history.map(({ action }) => action)).toEqual(['open', 'acknowledge', 'note', 'resolve', 'undo', 'undo']);
  });

  test('of a reopening resolves again, by whom and when it was', async () => {
    const { body: first } = await api.post<AlertBody & { resolved_at: string }>('/api/alerts/a/resolve', { by: 'ada' });
    await api.post('/api/alerts/a/reopen', { by: 'bob' });
    expect((await undo('a')).body).toMatchObject({ resolved_by: 'ada', resolved_at: first.resolved_at });
  });
});

describe('many at once', () => {
  test('what becomes of each is said', async () => {
    await triage('b', { status: 'resolved', verdict: 'benign' });
    const { status, body } = await api.post<Outcome>('/api/alerts/triage', {
      ids: ['a', 'b', 'c', 'nope', 'a'],
      status: 'resolved',
      verdict: 'benign',
      by: 'ada',
    });
    expect(status).toBe(200);
    expect(body).toEqual({ changed: ['a', 'c'], unchanged: ['b'], missing: ['nope'] });
    expect(await ids('resolved=true')).toEqual(['c', 'b', 'a']);
  });

  test('at once from two sides: each change is one event', async () => {
    const one = { ids: ['a', 'b', 'c', 'd'], status: 'resolved' };
    const other = { ...one, ids: [...one.ids].reverse() };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => api.post<Outcome>('/api/alerts/triage', index % 2 ? one : other)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(answers.flatMap(({ body }) => body.changed).sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('bounded', async () => {
    const many = Array.from({ length: 1001 }, (_, index) => String(index));
    expect((await api.post('/api/alerts/triage', { ids: many, note: 'x' })).status).toBe(400);
    expect((await api.post('/api/alerts/triage', { ids: [], note: 'x' })).status).toBe(400);
  });
});

test('lists are narrowed by it', async () => {
  await triage('a', { status: 'acknowledged', assignee: 'ada' });
  await triage('b', { status: 'resolved', verdict: 'false_positive' });
  expect(await ids('triage=new')).toEqual(['e', 'd', 'c']);
  expect(await ids('triage=acknowledged,resolved')).toEqual(['b', 'a']);
  expect(await ids('verdict=false_positive')).toEqual(['b']);
  expect(await ids('verdict=none&assignee=ada')).toEqual(['a']);
  expect(await ids('assignee=none')).toEqual(['e', 'd', 'c', 'b']);
});

test('pages neither skip nor repeat an alert that goes on meanwhile', async () => {
  const seen: string[] = [];
  let next: string | null = null;
  do {
    const page: Page = await api.get<Page>(`/api/alerts?limit=2${next === null ? '' : `&next=${next}`}`);
    seen.push(...page.alerts.map(({ id }) => id));
    next = page.next;
    // The one that was seen first, and one that is still to come, are seen again by the detector.
    await api.pool.query(`UPDATE alerts SET last_seen = last_seen + interval '1 day' WHERE id IN ('a', 'e')`);
  } while (next !== null);
  expect(seen).toEqual(['e', 'd', 'c', 'b', 'a']);
});
