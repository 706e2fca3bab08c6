/** Conversations in Postgres: every column as it was given, each conversation once however often it was told of, statistics that add up. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EVENT_ANSWERED, EVENT_ENDED, EVENT_UPDATED } from '../../../schemas/conversations/conversation.js';
import { communityIdOf, idsOfCommunity } from '../../../schemas/tables/conversation-table.js';
import { ConversationRows } from '../../../sinks/conversations/conversation-rows.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { conversationBlock, type TestConversation } from '../../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../../support/conversation-rows.js';
import { createTestDatabase, type TestDatabase, testLog } from '../../support/local-stack.js';

const START = Date.UTC(2026, 0, 1, 9) * 1000;
const MINUTE = 60_000_000;

let database: TestDatabase;
let client: pg.Client;
let originId: number;

beforeEach(async () => {
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  const { host, port, user, password, database: name } = database.connection;
  client = new pg.Client({ host, port, user, password, database: name });
  await client.connect();
  await client.query("SET timezone TO 'UTC'");
  originId = await createOrigin(client);
});

afterEach(async () => {
  await client?.end();
  await database?.remove();
});

/** A transaction for each group of conversations. */
async function store(...groups: (readonly TestConversation[])[]): Promise<void> {
  for (const group of groups) {
    const rows = new ConversationRows();
    const block = conversationBlock(group);
    for (let row = 0; row < block.count; row++) rows.take(block, row, originId, 0, row);
    await storeRows(client, rows);
  }
}

async function all(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await client.query<Record<string, unknown>>(sql, values)).rows;
}

describe('conversations', () => {
  it('stand in the table as they were told of', async () => {
    const names = { serverName: 'www.example', ja4: 't13d1516h2_8daaf6152771_02713d6af862', dnsAnswers: 2 };
    await store([
      { start: START, last: START + 1, vlan: 42, logins: [3, 1], names, history: 'ShADadfF' },
      {
        start: START + 2,
        originator: '2001:db8::1',
        responder: '2001:db8::ffff',
        ipProtocol: 17,
        originatorPort: 65_535,
        responderPort: 53,
        begun: false,
        state: 'OTH',
        outcome: 0,
        packets: [2 ** 40, 0],
        bytes: [2 ** 52, 0],
        service: '',
        history: '',
        names: { dnsQuestion: 'a\u0000b.\ud800example', dnsType: 'A' },
      },
    ]);
    const rows = await all(
      `SELECT conversations.*, host(originator) AS originator, host(responder) AS responder FROM conversations ORDER BY started_at`,
    );
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({
      ended_at: new Date(START / 1000),
      started_at: new Date(START / 1000),
      last_at: null,
      heard_at: null,
      originator: '10.0.0.1',
      responder: '192.0.2.1',
      originator_port: 40_000,
      responder_port: 443,
      ip_protocol: 6,
      vlan: 42,
      state: 4,
      outcome: 2,
      originator_packets: 5,
      responder_packets: 4,
      originator_bytes: '600',
      responder_bytes: '4000',
      originator_payload: '200',
      responder_payload: '3600',
      logins_failed: 3,
      logins_succeeded: 1,
      begun: true,
      history: 'ShADadfF',
      service: 'ssl',
      names,
    });
    expect(rows[1]).toMatchObject({
      originator: '2001:db8::1',
      responder: '2001:db8::ffff',
      originator_port: 65_535,
      state: 12,
      outcome: 0,
      originator_packets: 2 ** 31 - 1,
      originator_bytes: String(2 ** 52),
      vlan: null,
      logins_failed: null,
      begun: false,
      history: null,
      service: null,
      names: { dnsQuestion: 'a\ufffdb.\ufffdexample', dnsType: 'A' },
    });
    const { least, greatest } = idsOfCommunity(communityIdOf('192.0.2.1', '10.0.0.1', 443, 40_000, 6))!;
    const found = await all('SELECT id FROM conversations WHERE id BETWEEN $1 AND $2', [least, greatest]);
    expect(found).toEqual([{ id: rows[0]!['id'] }]);
  });

  it('are one row each, open until they end, and nothing of an answer alone', async () => {
    const long = { start: START, originatorPort: 1 };
    const other = { start: START, originatorPort: 2, bytes: [10, 20], packets: [1, 1] } as const;
    await store(
      [{ ...long, event: EVENT_ANSWERED }],
      [
        { ...long, event: EVENT_UPDATED, last: START + MINUTE, bytes: [100, 100], packets: [1, 1] },
        { ...other, event: EVENT_UPDATED, last: START + MINUTE },
      ],
      [
        { ...long, event: EVENT_UPDATED, last: START + 2 * MINUTE, bytes: [200, 100], packets: [2, 1] },
        { ...long, event: EVENT_UPDATED, last: START + 3 * MINUTE, bytes: [300, 200], packets: [3, 2] },
      ],
    );
    const state = `SELECT originator_port AS port, originator_bytes::int AS bytes, isfinite(ended_at) AS ended, last_at
      FROM conversations ORDER BY originator_port`;
    expect(await all(state)).toEqual([
      { port: 1, bytes: 300, ended: false, last_at: new Date((START + 3 * MINUTE) / 1000) },
      { port: 2, bytes: 10, ended: false, last_at: new Date((START + MINUTE) / 1000) },
    ]);
    await store([{ ...long, event: EVENT_ENDED, last: START + 4 * MINUTE, bytes: [400, 300], packets: [4, 3] }]);
    expect(await all(state)).toEqual([
      { port: 1, bytes: 400, ended: true, last_at: null },
      { port: 2, bytes: 10, ended: false, last_at: new Date((START + MINUTE) / 1000) },
    ]);
    for (const kind of ['service', 'outcome', 'pair', 'port']) {
      const sums = await all(
        `SELECT resolution, sum(conversations)::int AS conversations, sum(packets)::int AS packets, sum(bytes)::int AS bytes
         FROM traffic_conversations WHERE kind = $1 GROUP BY resolution ORDER BY resolution`,
        [kind],
      );
      expect(sums, kind).toEqual([
        { resolution: 1, conversations: 1, packets: 9, bytes: 730 },
        { resolution: 60, conversations: 1, packets: 9, bytes: 730 },
      ]);
    }
  });

  it('count by the port that was called, not by the one it was called from', async () => {
    await store([
      { start: START, originatorPort: 50_001 },
      { start: START + 1, originatorPort: 50_002, responderPort: 53, ipProtocol: 17 },
      { start: START + 2, responderPort: 8, originatorPort: 8, ipProtocol: 1 },
      // Who began these is a guess: of the second it would be the server.
      { start: START + 3, originatorPort: 50_003, responderPort: 22, begun: false },
      { start: START + 4, originatorPort: 443, responderPort: 50_004, begun: false },
    ]);
    const ports = await all(
      `SELECT name, conversations::int FROM traffic_conversations WHERE kind = 'port' AND resolution = 60 ORDER BY name`,
    );
    expect(ports).toEqual([
      { name: '17 53', conversations: 1 },
      { name: '6 22', conversations: 1 },
      { name: '6 443', conversations: 1 },
      { name: 'other', conversations: 1 },
    ]);
  });

  it('are bounded in the statistics, and still add up', async () => {
    const pairs = Array.from({ length: 300 }, (_, index) => ({
      start: START + index,
      originator: `10.0.${index >> 8}.${index & 255}`,
      bytes: [1000 + index, 0] as const,
      packets: [2, 0] as const,
    }));
    await store(pairs.slice(0, 150), pairs.slice(150));
    const [minute] = await all(
      `SELECT count(*)::int AS rows, sum(conversations)::int AS conversations, sum(bytes)::int AS bytes,
         max(bytes) FILTER (WHERE name = '10.0.1.43 192.0.2.1')::int AS largest
       FROM traffic_conversations WHERE kind = 'pair' AND resolution = 1`,
    );
    expect(minute).toEqual({
      rows: 51,
      conversations: 300,
      bytes: pairs.reduce((sum, { bytes }) => sum + bytes[0], 0),
      largest: 1299,
    });
  });
});
