/** Alerts as they are pushed, over a real server and a real Postgres. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FEED_CLIENTS_MAX } from '../../api/alert-feed.js';
import { type ApiService, createApi } from '../../api/server.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { storeAlerts } from '../../sinks/alerts/alert-sink.js';
import { alertEvent } from '../support/alert-events.js';
import { testLog } from '../support/local-stack.js';
import { until } from '../support/sink-rows.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { apiSettings, TOKEN } from './api-settings.js';

let api: ApiFixture;
let service: ApiService;
const opened: Stream[] = [];

const start = async (apiHost = '127.0.0.1'): Promise<ApiService> => {
  const started = createApi(
    {
      ...api.database.settings,
      ...apiSettings({ apiHost }),
    },
    testLog().child({}, { level: 'fatal' }),
    createRegistry(),
  );
  await started.start();
  return started;
};

beforeAll(async () => {
  api = await createApiFixture();
  service = await start();
});
afterEach(() => {
  for (const stream of opened.splice(0)) stream.close();
});
afterAll(async () => {
  await service?.stop();
  await api?.remove();
});

interface StreamEvent {
  readonly type: string;
  readonly id: string;
  readonly data: {
    readonly id: string;
    readonly sequence: number;
    readonly resolved: boolean;
    readonly message: string;
  };
}

/** A client, by the standard's rules for the lines that our server sends. */
class Stream {
  readonly events: StreamEvent[] = [];
  ended = false;
  private readonly controller = new AbortController();

  private constructor(readonly response: Response) {
    opened.push(this);
  }

  static async open(url = service.url, headers: Record<string, string> = {}): Promise<Stream> {
    const controller = new AbortController();
    const stream = new Stream(await fetch(`${url}/api/alerts/stream`, { headers, signal: controller.signal }));
    stream.controller.signal.addEventListener('abort', () => controller.abort());
    if (stream.response.ok) void stream.read();
    return stream;
  }

  private async read(): Promise<void> {
    let text = '';
    try {
      for await (const chunk of this.response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const blocks = text.split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) {
          const fields = Object.fromEntries(
            block
              .split('\n')
              .filter((line) => !line.startsWith(':'))
              .map((line) => /^(\w+): (.*)$/.exec(line)!.slice(1)),
          );
          if (fields.event) this.events.push({ type: fields.event, id: fields.id, data: JSON.parse(fields.data) });
        }
      }
    } catch {
      // closed by the test, or broken by it
    }
    this.ended = true;
  }

  /** `reset`, or ALERT-SEQUENCE. */
  get seen(): string[] {
    return this.events.map(({ type, data }) => (type === 'reset' ? type : `${data.id}-${data.sequence}`));
  }

  close(): void {
    this.controller.abort();
  }
}

/** Stores as the sink does, in one transaction. */
async function store(...documents: readonly ReturnType<typeof alertEvent>[]): Promise<void> {
  const client = await api.pool.connect();
  try {
    await client.query('BEGIN');
    await storeAlerts(
      client,
      documents.map((document) => ({ value: Buffer.from(JSON.stringify(document)) }) as never),
    );
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

const post = (path: string): Promise<Response> =>
  fetch(`${service.url}/api/alerts/${path}`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } });

test('a stored alert is there at once, as lists show it, for every client', async () => {
  const [one, two] = [await Stream.open(), await Stream.open()];
  expect(one.response.headers.get('content-type')).toBe('text/event-stream');
  expect(one.response.headers.get('x-content-type-options')).toBe('nosniff');
  await until(async () => one.seen.length > 0 && two.seen.length > 0);
  expect([one.seen, two.seen]).toEqual([['reset'], ['reset']]);
  const storedAt = performance.now();
  await store(alertEvent(1, { id: 'a' }), alertEvent(2, { id: 'a' }), alertEvent(1, { id: 'b' }));
  await until(async () => one.seen.length === 3 && two.seen.length === 3);
  expect(performance.now() - storedAt).toBeLessThan(1_000);
  // The state of each alert as it is now, not each of its events.
  expect(one.seen.slice(1).sort()).toEqual(['a-2', 'b-1']);
  expect(two.events).toEqual(one.events);
  const { alerts } = (await (await fetch(`${service.url}/api/alerts`)).json()) as { alerts: { id: string }[] };
  expect(one.events.find(({ data }) => data.id === 'a')!.data).toEqual(alerts.find(({ id }) => id === 'a'));
});

test('what a person decides is pushed too, and what is undone is not', async () => {
  const stream = await Stream.open();
  await store(alertEvent(1, { id: 'decided' }));
  const states = (): boolean[] =>
    stream.events.filter(({ data }) => data.id === 'decided').map(({ data }) => data.resolved);
  await until(async () => states().length === 1);
  expect((await post('decided/resolve')).status).toBe(200);
  await until(async () => states().length === 2);
  expect((await post('decided/resolve')).status).toBe(200); // changes nothing
  expect((await post('decided/reopen')).status).toBe(200);
  await until(async () => states().length === 3);
  expect(states()).toEqual([false, true, false]);
  const client = await api.pool.connect();
  await client.query('BEGIN');
  await storeAlerts(client, [{ value: Buffer.from(JSON.stringify(alertEvent(1, { id: 'undone' }))) } as never]);
  await client.query('ROLLBACK');
  client.release();
  await store(alertEvent(1, { id: 'after' }));
  await until(async () => stream.seen.includes('after-1'));
  expect(stream.seen).not.toContain('undone-1');
});

test('a client that comes back gets what it missed, once; one that cannot gets a reset', async () => {
  const first = await Stream.open();
  await until(async () => first.seen.length === 1);
  await store(alertEvent(1, { id: 'seen' }));
  await until(async () => first.seen.includes('seen-1'));
  const lastEventId = first.events.at(-1)!.id;
  first.close();
  await store(alertEvent(1, { id: 'missed-1' }), alertEvent(1, { id: 'missed-2' }));
  const again = await Stream.open(service.url, { 'last-event-id': lastEventId });
  await until(async () => again.seen.length >= 2);
  expect(again.seen.sort()).toEqual(['missed-1-1', 'missed-2-1']);
  for (const unknown of ['', 'elsewhere.7', `${lastEventId}0000`, 'x', `${lastEventId.split('.')[0]}.-1`]) {
    const stream = await Stream.open(service.url, { 'last-event-id': unknown });
    await until(async () => stream.seen.length > 0);
    expect(stream.seen, unknown).toEqual(['reset']);
    stream.close();
  }
});

test('many alerts in one transaction all come', async () => {
  const stream = await Stream.open();
  await until(async () => stream.seen.length === 1);
  const documents = Array.from({ length: 900 }, (_, index) => alertEvent(1, { id: `${'many'.repeat(8)}-${index}` }));
  await store(...documents);
  await until(async () => stream.events.length === 901);
  expect(new Set(stream.seen.slice(1)).size).toBe(900);
});

test('a connection to Postgres that breaks is made again, and clients are told that they may have missed something', async () => {
  const stream = await Stream.open();
  await until(async () => stream.seen.length === 1);
  const { database } = api.database.connection;
  const { rowCount } = await api.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nta-api-feed' AND datname = $1`,
    [database],
  );
  expect(rowCount).toBe(1);
  await until(async () => stream.seen.length === 2);
  expect(stream.seen).toEqual(['reset', 'reset']);
  await store(alertEvent(1, { id: 'afterwards' }));
  await until(async () => stream.seen.includes('afterwards-1'));
});

test('one connection to Postgres serves all clients, whose number is bounded', async () => {
  const streams = await Promise.all(Array.from({ length: FEED_CLIENTS_MAX }, () => Stream.open()));
  expect(streams.every(({ response }) => response.status === 200)).toBe(true);
  const refused = await Stream.open();
  expect(refused.response.status).toBe(503);
  expect(refused.response.headers.get('retry-after')).toBe('30');
  expect(await refused.response.json()).toMatchObject({ code: 'TOO_MANY_STREAMS' });
  const observer = new pg.Client({ ...api.database.connection });
  await observer.connect();
  const { rows } = await observer.query(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'nta-api-feed' AND datname = current_database()`,
  );
  await observer.end();
  expect(rows).toEqual([{ count: 1 }]);
  await store(alertEvent(1, { id: 'for-all' }));
  await until(async () => streams.every(({ seen }) => seen.includes('for-all-1')));
  // Whoever has the most gives a place to somebody else, and keeps the others.
  const fair = await fetch(`${service.url}/api/alerts/stream`, { headers: { authorization: `Bearer ${TOKEN}` } });
  expect(fair.status).toBe(200);
  await until(async () => streams.filter(({ ended }) => ended).length === 1);
  await fair.body?.cancel();
  for (const stream of streams) stream.close();
  // The places of those who went are free again.
  await until(async () => (await Stream.open()).response.status === 200);
});

test('it is guarded as the other routes are', async () => {
  const url = `${service.url}/api/alerts/stream`;
  const status = async (init: RequestInit): Promise<number> => {
    const response = await fetch(url, init);
    await response.body?.cancel();
    return response.status;
  };
  expect(await status({ headers: { authorization: 'Bearer wrong-token-of-somebody' } })).toBe(401);
  expect(await status({ headers: { 'sec-fetch-site': 'cross-site' } })).toBe(403);
  expect(await status({ headers: { 'x-forwarded-for': '192.0.2.1' } })).toBe(401);
  expect(await status({ headers: { 'last-event-id': 'x'.repeat(101) } })).toBe(400);
  expect(await status({ method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } })).toBe(405);
  const open = await start('0.0.0.0');
  try {
    const address = open.url.replace('0.0.0.0', '127.0.0.1');
    expect((await Stream.open(address)).response.status).toBe(401);
    expect((await Stream.open(address, { authorization: `Bearer ${TOKEN}` })).response.status).toBe(200);
  } finally {
    await open.stop();
  }
});

test('stopping the server ends the streams at once', async () => {
  const own = await start();
  const stream = await Stream.open(own.url);
  await until(async () => stream.seen.length === 1);
  const stoppedAt = performance.now();
  await own.stop();
  await until(async () => stream.ended);
  expect(performance.now() - stoppedAt).toBeLessThan(2_000);
});
