/** Pages of conversations far beyond the newest: what a filter means is found wherever it lies, in order, once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConversationPage } from '../../../api/routes/conversations.js';
import { EVENT_UPDATED } from '../../../schemas/conversations/conversation.js';
import { ConversationRows } from '../../../sinks/conversations/conversation-rows.js';
import { conversationBlock, type TestConversation } from '../../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../../support/conversation-rows.js';
import { Random } from '../../support/random.js';
import { type ApiFixture, createApiFixture } from '../api-fixture.js';

const START = Date.UTC(2026, 2, 1, 9) * 1000;
/** Some walks and steps further back. */
const MANY = 14_000;
const random = new Random(7);

/** One a second; some end at the same microsecond, some are open, and what is rare is rare where it lies. */
const GIVEN = Array.from({ length: MANY }, (_, index): TestConversation => {
  const last = START + Math.floor(index / 3) * 3_000_000;
  const old = index < 1_000;
  return {
    start: last - 200_000,
    last,
    originator: `10.0.${index % 7}.${random.below(200)}`,
    originatorPort: 1024 + (index % 60_000),
    service: old && index % 100 === 0 ? 'modbus' : index % 2_000 === 5 ? 'ssh' : 'ssl',
    names: index % 1_500 === 7 ? { serverName: `rare-${index}.example`, user: 'operator' } : null,
    bytes: [100, old && index % 50 === 0 ? 50_000_000 : 1_000],
    ...(index % 900 === 0 ? { event: EVENT_UPDATED } : {}),
  };
});

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture();
  const client = await api.pool.connect();
  try {
    const originId = await createOrigin(client, 'edge-1', 'hq');
    const rows = new ConversationRows();
    const block = conversationBlock(GIVEN);
    for (let row = 0; row < block.count; row++) rows.take(block, row, originId, 0, row);
    await storeRows(client, rows);
    await client.query('VACUUM ANALYZE conversations');
  } finally {
    client.release();
  }
});
afterAll(() => api?.remove());

/** Ports, which tell them apart, in the order of the pages. */
async function read(filter: string, limit: number): Promise<number[]> {
  const ports: number[] = [];
  let next: string | null = '';
  do {
    const page: ConversationPage = await api.get(
      `/api/conversations?limit=${limit}&${filter}${next === '' ? '' : `&next=${next}`}`,
    );
    ports.push(...page.conversations.map(({ originator_port: port }) => port));
    next = page.next;
  } while (next !== null);
  return ports;
}

/** Those that are meant, the last heard of first; the order of those of one microsecond is that of their ids, which only the table knows. */
const meant = (matches: (conversation: TestConversation) => boolean): number[][] => {
  const times = new Map<number, number[]>();
  for (const conversation of GIVEN.filter(matches)) {
    const { last = 0, originatorPort = 0 } = conversation;
    times.set(last, [...(times.get(last) ?? []), originatorPort]);
  }
  return [...times].sort(([a], [b]) => b - a).map(([, ports]) => ports.sort((a, b) => a - b));
};

function sameOrder(found: readonly number[], expected: readonly number[][]): void {
  let at = 0;
  const groups = expected.map(({ length }) => {
    at += length;
    return found.slice(at - length, at).sort((a, b) => a - b);
  });
  expect(groups).toEqual(expected);
  expect(found).toHaveLength(at);
}

test.each<[filter: string, limit: number, matches: (conversation: TestConversation) => boolean]>([
  ['', 1_000, () => true],
  ['service=modbus', 4, ({ service }) => service === 'modbus'],
  ['service=ssh', 2, ({ service }) => service === 'ssh'],
  ['service=dnp3', 10, () => false],
  ['name=*.example', 3, ({ names }) => names !== null],
  ['user=operator', 100, ({ names }) => names?.user === 'operator'],
  ['min_bytes=50000000', 7, ({ bytes }) => bytes![1] === 50_000_000],
  ['bytes=50000100', 7, ({ bytes }) => bytes![1] === 50_000_000],
  ['originator_port=1030,15000', 1, ({ originatorPort }) => originatorPort === 1030 || originatorPort === 15_000],
  ['open=true', 5, ({ event }) => event === EVENT_UPDATED],
  ['open=false&service=ssh', 5, ({ event, service }) => event === undefined && service === 'ssh'],
  ['site=nowhere', 5, () => false],
  ['site=hq&service=modbus', 100, ({ service }) => service === 'modbus'],
  ['duration=0&service=modbus', 100, ({ service }) => service === 'modbus'],
  ['min_duration=1', 100, () => false],
  ['vlan=7', 100, () => false],
  [
    'originator=10.0.3.0/24&q=not+service+ssl',
    3,
    ({ originator, service }) => originator!.startsWith('10.0.3.') && service !== 'ssl',
  ],
])('%s', async (filter, limit, matches) => {
  sameOrder(await read(filter, limit), meant(matches));
});

test('a range of time bounds all of it', async () => {
  const [from, to] = [START + 500_000_000, START + 12_000_000_000];
  const iso = (micros: number): string => new Date(micros / 1000).toISOString();
  const within = ({ last = 0 }: TestConversation): boolean => last >= from && last < to;
  sameOrder(
    await read(`from=${iso(from)}&to=${iso(to)}&service=modbus,ssh`, 3),
    meant((conversation) => within(conversation) && conversation.service !== 'ssl'),
  );
});
