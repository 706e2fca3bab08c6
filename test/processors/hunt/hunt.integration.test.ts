/** Stored conversations in a real Postgres, alerts on a real Kafka: each once, whatever happens to the hunts. */

import type { Kafka } from 'kafkajs';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_ENGINE_LIMITS } from '../../../processors/engine/engine.js';
import { HuntMetrics } from '../../../processors/hunt/hunt-metrics.js';
import { HuntPublisher } from '../../../processors/hunt/hunt-publisher.js';
import { HuntStore } from '../../../processors/hunt/hunt-store.js';
import { type HunterOptions, hunt } from '../../../processors/hunt/hunter.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import { onlyHunted } from '../../../processors/rules/hunted-rules.js';
import { Registry } from '../../../runtime/process/metrics.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { groupName, topicName } from '../../../schemas/topics.js';
import { ConversationRows } from '../../../sinks/conversations/conversation-rows.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { readAlerts } from '../../support/alert-log.js';
import { conversationBlock, type TestConversation } from '../../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../../support/conversation-rows.js';
import {
  createTestDatabase,
  createTestTopics,
  quietKafka,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../../support/local-stack.js';
import { createTopicsFor } from '../../support/packet-topic.js';

const MINUTE = 60e6;
const HOUR = 60 * MINUTE;
/** A whole minute, three hours ago. */
const START = Math.floor(Date.now() / 60_000) * MINUTE - 3 * HOUR;

let database: TestDatabase;
let topics: TestTopics;
let kafka: Kafka;
let client: pg.Client;
let originId: number;
let hunter: string;

beforeEach(async () => {
  topics = createTestTopics();
  kafka = quietKafka(topics.brokers);
  database = await createTestDatabase();
  await Promise.all([createTopicsFor(topics, 3), migrate(database.settings, testLog())]);
  const { host, port, user, password, database: name } = database.connection;
  client = new pg.Client({ host, port, user, password, database: name });
  await client.connect();
  await client.query("SET timezone TO 'UTC'");
  originId = await createOrigin(client);
  // As the user of a part has it: the role and nothing else.
  hunter = `hunter_${name}`;
  await client.query(`CREATE ROLE ${hunter} LOGIN PASSWORD 'of-the-test' IN ROLE nta_hunter`);
});

afterEach(async () => {
  await client.query(`DROP ROLE ${hunter}`);
  await client.end();
  await Promise.all([database.remove(), topics.remove()]);
});

async function store(conversations: readonly TestConversation[], origin = originId): Promise<void> {
  const rows = new ConversationRows();
  const block = conversationBlock(conversations);
  for (let row = 0; row < block.count; row++) rows.take(block, row, origin, 0, row);
  await storeRows(client, rows);
}

function options(changes: Partial<HunterOptions> = {}): HunterOptions {
  return {
    kafka,
    postgres: { ...database.settings, dbUser: hunter, dbPassword: 'of-the-test' },
    topicPrefix: topics.prefix,
    rules: async () => onlyHunted(defaultRules()),
    limits: DEFAULT_ENGINE_LIMITS,
    hours: 24,
    endReplays: true,
    log: testLog(),
    metrics: new HuntMetrics(new Registry()),
    ...changes,
  };
}

function alerts(): Promise<AlertDocument[]> {
  return readAlerts(kafka, topicName('alerts', topics.prefix));
}

/** Calls of one outside host every four minutes. */
const beacon = (count: number, from = START, originator = '10.0.0.7'): TestConversation[] =>
  Array.from({ length: count }, (_, i) => ({
    originator,
    responder: '203.0.113.9',
    originatorPort: 40_000 + i,
    start: from + i * 4 * MINUTE,
    bytes: [700, 900] as const,
  }));

/** A host that talks to many, at no rhythm. */
const pages = (count: number): TestConversation[] =>
  Array.from({ length: count }, (_, i) => ({
    originator: '10.0.0.8',
    responder: `198.51.100.${i % 100}`,
    originatorPort: 30_000 + i,
    start: START + ((i * i * 7919) % 10_000) * 1e6,
    bytes: [500 + ((i * 104_729) % 9000), 20_000] as const,
  }));

describe('a hunt', () => {
  it('tells of a stored beacon once, however often it runs, and goes on with it under the same id', async () => {
    await store([...beacon(25), ...pages(400)]);
    const first = await hunt(options());
    expect(first.events.map(({ event }) => event.action)).toEqual(['open', 'update']);
    for (const { rule, source, destination } of first.events)
      expect([rule.id, source.ip, destination?.ip]).toEqual(['beacon', '10.0.0.7', '203.0.113.9']);
    expect(new Set(first.events.map(({ nta }) => nta.alert.id)).size).toBe(1);
    // Of 425 conversations Postgres has left out all that are no pair of twenty.
    expect(first.conversations).toBeLessThan(150);
    const again = await hunt(options());
    expect(again.events).toEqual([]);
    const published = await alerts();
    expect(published).toEqual(first.events);
    // Its beginning has left the window a day later, so that it crosses later: it is the same beacon all the same.
    await store(beacon(30, START + 100 * MINUTE + 20e6));
    await client.query('DELETE FROM conversations WHERE started_at < to_timestamp($1)', [(START + 20 * MINUTE) / 1e6]);
    const third = await hunt(options());
    expect(third.events.filter(({ event }) => event.action === 'open')).toEqual([]);
    expect(new Set((await alerts()).map(({ nta }) => nta.alert.id)).size).toBe(1);
  });

  it('keeps to the exceptions of the API: ends what one covers, and goes on with it once it is deleted', async () => {
    await store(beacon(25));
    await hunt(options());
    const except = (id: string, source: string) =>
      client.query("INSERT INTO exceptions (id, parts, note, created_by) VALUES ($1, $2, 'known', 'test')", [
        id,
        JSON.stringify({ rules: ['beacon'], sources: [source] }),
      ]);
    await except('another', '10.0.0.99');
    expect((await hunt(options())).events).toEqual([]);
    await except('this', '10.0.0.7');
    const ended = await hunt(options());
    expect(ended.events.map(({ event, nta }) => [event.action, nta.alert.close_reason])).toEqual([
      ['close', 'disabled'],
    ]);
    // Nothing of it any more, nor of what is new; but of another host.
    await store([...beacon(15, START + 100 * MINUTE + 20e6), ...beacon(25, START, '10.0.0.9')]);
    const others = await hunt(options());
    expect(new Set(others.events.map(({ source }) => source.ip))).toEqual(new Set(['10.0.0.9']));
    await client.query("UPDATE exceptions SET deleted_at = now() WHERE id = 'this'");
    const again = await hunt(options());
    expect(again.events.map(({ event, nta }) => [event.action, nta.alert.id, nta.alert.status])).toEqual([
      ['update', ended.events[0]!.nta.alert.id, 'open'],
    ]);
    expect((await hunt(options())).events).toEqual([]);
  });

  it('publishes what a hunt had kept when it was killed, once', async () => {
    await store(beacon(25));
    // One that ends between its transaction in Postgres and that in Kafka …
    const killed = new HuntPublisher(kafka, groupName('hunt', topics.prefix), topicName('alerts', topics.prefix));
    const publish = HuntPublisher.prototype.publish;
    HuntPublisher.prototype.publish = () => Promise.reject(new Error('killed'));
    await expect(hunt(options()))
      .rejects.toThrow('killed')
      .finally(() => {
        HuntPublisher.prototype.publish = publish;
      });
    expect(await alerts()).toEqual([]);
    const settled = await hunt(options());
    expect(settled.events).toEqual([]);
    expect(await alerts()).toHaveLength(2);
    // … and one that ends behind that in Kafka, before Postgres has heard of it.
    const pending = new HuntStore(client);
    await pending.keep(0n, { events: await alerts(), episodes: [] }, []);
    await hunt(options());
    expect(await alerts()).toHaveLength(2);
    expect(await pending.outbox()).toEqual(new Map());
    await killed.stop();
  });

  it('leaves one hunt at work alone', async () => {
    await store(beacon(25));
    expect(await new HuntStore(client).lock()).toBe(true);
    expect(await hunt(options())).toMatchObject({ busy: true, events: [] });
    expect(await alerts()).toEqual([]);
  });

  it('closes what is over, and hunts a replay of old traffic by its own time', async () => {
    const { rows } = await client.query<{ id: number }>(
      `INSERT INTO origins (capture_node, interface, link_type, timeline, sampling, sampling_rate) VALUES ('lab', 'old.pcap', 1, 'replay/1', 'none', 1) RETURNING id`,
    );
    await store(beacon(30, Date.UTC(2019, 4, 1) * 1000), rows[0]!.id);
    await store(
      Array.from({ length: 6 }, (_, i) => ({
        originator: '10.0.0.9',
        responder: '203.0.113.20',
        originatorPort: 50_000 + i,
        start: START + i * MINUTE,
        bytes: [40e6, 100_000] as const,
      })),
    );
    const { events } = await hunt(options());
    const seen = events.flatMap(({ rule, source, event, nta }) =>
      event.action === 'update' ? [] : [[rule.id, source.ip, event.action, nta.alert.close_reason]],
    );
    expect(seen.sort()).toEqual([
      ['beacon', '10.0.0.7', 'close', 'end_of_timeline'],
      ['beacon', '10.0.0.7', 'open', undefined],
      ['exfiltration', '10.0.0.9', 'close', 'quiet'],
      ['exfiltration', '10.0.0.9', 'open', undefined],
    ]);
    expect((await hunt(options())).events).toEqual([]);
  });

  it('knows a site after a day, and tells of hosts and services that are new then', async () => {
    const day = 24 * HOUR;
    const at = (start: number, originator: string, responder: string, responderPort = 443): TestConversation => ({
      originator,
      responder,
      responderPort,
      start,
    });
    await store([
      at(START - 2 * day, '10.0.0.7', '10.0.0.1', 22),
      at(START - day, '10.0.0.8', '10.0.0.1', 22),
      at(START, '10.0.0.7', '10.0.0.1', 22),
      at(START + MINUTE, '10.0.0.66', '203.0.113.1'),
      at(START + 2 * MINUTE, '10.0.0.7', '10.0.0.1', 8443),
      at(START + 3 * MINUTE, '169.254.7.7', '10.0.0.1', 22),
    ]);
    const { events } = await hunt(options());
    const opened = events.filter(({ event }) => event.action === 'open');
    expect(
      opened.map(({ rule, source, destination }) => [rule.id, source.ip, destination?.ip, destination?.port]),
    ).toEqual([
      ['new-host', '10.0.0.66', '203.0.113.1', undefined],
      ['new-service', '10.0.0.7', '10.0.0.1', 8443],
      ['new-host', '169.254.7.7', '10.0.0.1', undefined],
    ]);
    expect((await hunt(options())).events).toEqual([]);
    const { rows } = await client.query('SELECT count(*)::integer AS rows FROM first_seen');
    expect(rows).toEqual([{ rows: 7 }]);
  });
});
