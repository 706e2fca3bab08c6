/** The API over a database of its own, without a listener: tests call `request`. */
import type pg from 'pg';
import { AlertFeed } from '../../api/alert-feed.js';
import { createApp } from '../../api/app.js';
import { Enricher } from '../../api/enrichment/enricher.js';
import { ExceptionPublisher } from '../../api/exception-publisher.js';
import { createLanes } from '../../api/http/admission.js';
import { RequestMetrics } from '../../api/http/request-metrics.js';
import { createApiPool, createDownloadClient, createFeedClient } from '../../api/pool.js';

import type { ApiSettings } from '../../api/settings.js';
import { viewAlert } from '../../api/views/alert-view.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { createTestDatabase, type TestDatabase, testLog } from '../support/local-stack.js';
import { apiSettings, TOKEN } from './api-settings.js';

export interface ApiFixture {
  readonly database: TestDatabase;
  readonly pool: pg.Pool;
  /** A request as a client on this machine sends it. */
  request(path: string, init?: RequestInit, address?: string): Promise<Response>;
  /** The JSON of a GET that must succeed. */
  get<T = Record<string, unknown>>(path: string): Promise<T>;
  /** The JSON of a POST with the token. */
  post<T = Record<string, unknown>>(path: string, body?: unknown): Promise<{ status: number; body: T }>;
  remove(): Promise<void>;
}

export interface FixtureOptions {
  readonly apiHost?: string;
  readonly apiAllowedHosts?: readonly string[];
  readonly token?: string;
  /** Most tests ask without the token, on loopback. */
  readonly apiOpenReads?: boolean;
  readonly now?: () => number;
  readonly settings?: Partial<ApiSettings>;
}

export async function createApiFixture(options: FixtureOptions = {}): Promise<ApiFixture> {
  const database = await createTestDatabase();
  await migrate(database.settings, testLog());
  const pool = createApiPool(database.settings, 10_000, () => undefined);
  const metrics = new RequestMetrics(createRegistry());
  // Refusals and outages are what the tests provoke.
  const log = testLog().child({}, { level: 'fatal' });
  const settings = apiSettings({
    apiHost: options.apiHost ?? '127.0.0.1',
    apiAllowedHosts: options.apiAllowedHosts ?? [],
    ...(options.apiOpenReads === undefined ? {} : { apiOpenReads: options.apiOpenReads }),
    ...options.settings,
  });
  const enricher = new Enricher(settings, log);
  await enricher.start();
  const feed = new AlertFeed(
    pool,
    () => createFeedClient(database.settings),
    log,
    metrics.streams,
    (row) => viewAlert(row, enricher),
  );
  const app = createApp({
    pool,
    feed,
    exceptions: new ExceptionPublisher(pool, null, 'exceptions', log),
    enricher,
    settings,
    token: options.token ?? TOKEN,
    log,
    metrics,
    connect: () => createDownloadClient(database.settings),
    lanes: createLanes(database.settings.dbMaxConn),
    ...(options.now ? { now: options.now } : {}),
  });
  const request = async (path: string, init: RequestInit = {}, address = '127.0.0.1'): Promise<Response> =>
    app.request(`http://127.0.0.1:5000${path}`, init, { incoming: { socket: { remoteAddress: address } } } as never);

  return {
    database,
    pool,
    request,
    get: async <T>(path: string) => {
      const response = await request(path);
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
    post: async <T>(path: string, body?: unknown) => {
      const response = await request(path, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as T };
    },
    remove: async () => {
      feed.stop();
      await enricher.stop();
      await pool.end();
      await database.remove();
    },
  };
}
