/** Real Chromium over a real server and database, and what the pages are to show. One a test file. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type pg from 'pg';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type ApiService, createApi } from '../../api/server.js';
import type { ApiSettings } from '../../api/settings.js';
import { createRegistry, type Registry } from '../../runtime/process/metrics.js';
import type { Severity } from '../../schemas/alerts/alert.js';
import { OUTCOME_UNANSWERED } from '../../schemas/conversations/conversation.js';
import { storeAlerts } from '../../sinks/alerts/alert-sink.js';
import { ConversationRows } from '../../sinks/conversations/conversation-rows.js';
import { type ApiFixture, createApiFixture } from '../api/api-fixture.js';
import { apiSettings } from '../api/api-settings.js';
import { insertAlerts, insertPackets, rebuildRollups } from '../api/sample-data.js';
import { alertEvent } from '../support/alert-events.js';
import { conversationBlock, type TestConversation } from '../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../support/conversation-rows.js';
import { testLog } from '../support/local-stack.js';
import { requireCondition } from '../support/requirement.js';
import { CHROMIUM_ARGUMENTS, findChromium } from './chromium.js';
import { PAGE_STATE } from './page-probes.js';

export interface BrowserFixture {
  readonly api: ApiFixture;
  readonly url: string;
  readonly registry: Registry;
  /** Another server over the same database. */
  start(port?: number, host?: string, changes?: Partial<ApiSettings>): Promise<ApiService>;
  /** A page in a browser without cookies. It is closed after the test, and must not have complained of anything. */
  open(options?: {
    readonly width?: number;
    readonly height?: number;
    readonly timezoneId?: string;
  }): Promise<OpenPage>;
  /** Pages of the running test. */
  readonly opened: OpenPage[];
  remove(): Promise<void>;
}

export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors, and what the content security policy and trusted types refuse. */
  readonly complaints: string[];
}

const TABLES =
  'packet_segments, alerts, alert_events, capture_nodes, conversations, conversations_open, traffic_totals, traffic_protocols, traffic_sources, traffic_ports, traffic_conversations, origins';

export const emptyTables = (pool: pg.Pool): Promise<unknown> => pool.query(`TRUNCATE ${TABLES} CASCADE`);

/**
 * Real Chromium over a real server for the tests of a file.
 *
 * @param prepare what is there before the first test
 */
export function setUpBrowser(prepare: (fixture: BrowserFixture) => Promise<void> | void): void {
  const executablePath = findChromium();
  let fixture: BrowserFixture | undefined;
  beforeAll(async () => {
    if (executablePath === undefined) return;
    fixture = await createBrowserFixture(executablePath);
    await prepare(fixture);
  });
  afterAll(() => fixture?.remove());
  beforeEach((test) => requireCondition(test, executablePath !== undefined, 'not installed: chromium'));
  afterEach(async ({ task }) => {
    const opened = fixture?.opened.splice(0) ?? [];
    for (const { page, context } of opened) {
      const isTold = task.result?.state === 'fail' && !page.isClosed();
      if (isTold) console.error(`the page says: ${await page.evaluate<string>(PAGE_STATE)}`);
      await context.close();
    }
    expect(opened.flatMap(({ complaints }) => complaints)).toEqual([]);
  });
}

async function createBrowserFixture(path: string): Promise<BrowserFixture> {
  const opened: OpenPage[] = [];
  const api = await createApiFixture();
  const registry = createRegistry();
  const start = async (
    port = 0,
    host = '127.0.0.1',
    changes: Partial<ApiSettings> = {},
    metrics = createRegistry(),
  ): Promise<ApiService> => {
    const settings = { ...api.database.settings, ...apiSettings({ apiHost: host, apiPort: port, ...changes }) };
    const started = createApi(settings, testLog().child({}, { level: 'fatal' }), metrics);
    await started.start();
    return started;
  };
  const service = await start(0, '127.0.0.1', {}, registry);
  const browser: Browser = await chromium.launch({ executablePath: path, args: [...CHROMIUM_ARGUMENTS] });
  return {
    api,
    url: service.url,
    registry,
    start,
    opened,
    open: async ({ width = 1440, height = 900, timezoneId = 'UTC' } = {}) => {
      const context = await browser.newContext({ viewport: { width, height }, acceptDownloads: true, timezoneId });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        const isComplaint = message.type() === 'error' && !/Failed to load resource/.test(message.text());
        if (isComplaint) complaints.push(message.text());
      });
      opened.push({ page, context, complaints });
      return { page, context, complaints };
    },
    remove: async () => {
      await browser.close();
      await service.stop();
      await api.remove();
    },
  };
}

export const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString();

export const SCAN = {
  id: 'scan-1',
  source: '192.0.2.7',
  severity: 4,
  message: '192.0.2.7 probed 40 ports of 198.51.100.1',
};

/** A scan half a minute ago, a DNS question of another host beside it, and the scan's alert. */
export async function insertScan(pool: pg.Pool): Promise<void> {
  await insertPackets(
    pool,
    Array.from({ length: 40 }, (_, index) => ({
      time: at(30 - index / 10),
      source: SCAN.source,
      destination: '198.51.100.1',
      sourcePort: 50_000,
      destinationPort: 20 + index,
      tcpFlags: 2,
    })),
  );
  await insertPackets(pool, [
    {
      time: at(20),
      source: '192.0.2.99',
      destination: '192.0.2.1',
      ipProtocol: 17,
      sourcePort: 5000,
      destinationPort: 53,
    },
  ]);
  await rebuildRollups(pool);
  await insertAlerts(pool, [{ ...SCAN, incidentId: 'incident-1', firstSeen: at(30), lastSeen: at(26) }]);
}

/** Conversations of a while ago: an answered one to the web, and attempts of the scan that nobody answered. */
export async function insertConversations(
  pool: pg.Pool,
  more: readonly Partial<TestConversation>[] = [],
  node = 'edge-1',
): Promise<void> {
  const start = (Date.now() - 60_000) * 1000;
  const client = await pool.connect();
  try {
    const originId = await createOrigin(client, node, 'branch-7');
    const rows = new ConversationRows();
    const block = conversationBlock(
      [
        {
          originator: SCAN.source,
          responder: '198.51.100.80',
          responderPort: 443,
          names: { serverName: 'shop.example' },
        },
        ...Array.from({ length: 5 }, (_, index) => ({
          originator: SCAN.source,
          originatorPort: 50_000,
          responder: '198.51.100.1',
          responderPort: 20 + index,
          service: '',
          state: 'S0' as const,
          outcome: OUTCOME_UNANSWERED,
          history: 'S',
          packets: [1, 0] as const,
          bytes: [60, 0] as const,
        })),
        ...more,
      ].map((conversation, index) => ({
        start: start + index * 1e6,
        last: start + index * 1e6 + 500_000,
        ...conversation,
      })),
    );
    for (let row = 0; row < block.count; row++) rows.take(block, row, originId, 0, row);
    await storeRows(client, rows);
  } finally {
    client.release();
  }
}

/** As the sink does: an alert of now, stored and announced in one transaction. */
export async function storeAlert(
  pool: pg.Pool,
  id: string,
  changes: { severity?: Severity; source?: string; sequence?: number } = {},
): Promise<void> {
  const { sequence = 1, source = '198.51.100.9', severity = 3 } = changes;
  const document = alertEvent(sequence, { id, source, severity });
  const { alert } = document.nta;
  const now = { first_seen: at(2), last_seen: at(1), packets: 12 };
  const current = {
    ...document,
    '@timestamp': at(1),
    message: `${id} at ${sequence}`,
    nta: { alert: { ...alert, crossed: at(1), evidence: { ...alert.evidence, ...now } } },
  };
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await storeAlerts(client, [{ value: Buffer.from(JSON.stringify(current)) } as never]);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AXE_RUN = `axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 200)).join(' | ')))`;

/** What axe finds wrong with the page as it is (WCAG 2.2 A and AA, and its best practices). */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate<string[]>(AXE_RUN);
}
