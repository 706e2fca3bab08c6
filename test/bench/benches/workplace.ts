/** A large site as analysts ask about it, and what its conversations take in Postgres. */
import pg from 'pg';
import type { Bench } from '../bench.js';
import type { Figure } from '../figure.js';
import { freePort } from '../metrics.js';
import { Pipeline } from '../pipeline.js';
import { gatherFacts, type SiteFacts, storeSiteAlerts } from '../site-facts.js';
import { quantile } from '../statistics.js';
import { storeSite } from '../stored-site.js';
import { describeTimes, timeRequests } from '../timed-requests.js';
import { WORKPLACE_QUESTIONS } from '../workplace-questions.js';

const PACKETS = 2_000_000;
const PACKETS_FULL = 20_000_000;
const ALERTS = 5_000;
const REQUESTS = 60;
const DAY_MS = 86_400_000;

/** By what a question is about: what it is to take at most, ms, and in words. */
const SUBJECTS: Readonly<Record<string, { readonly target: number; readonly summary: string }>> = {
  conversations: { target: 50, summary: 'GET /api/conversations by each kind of filter, a page of 100' },
  host: { target: 50, summary: 'GET /api/hosts/{ip}' },
  groups: { target: 100, summary: 'POST /api/conversations/search with group_by' },
  packets: { target: 50, summary: 'GET /api/packets, a page of 100' },
  stats: { target: 100, summary: 'GET /api/stats in its forms' },
  alerts: { target: 100, summary: 'GET /api/alerts, one of them, and their histogram' },
  incidents: { target: 100, summary: 'GET /api/incidents, and one of them' },
};

export const workplace: Bench = {
  name: 'workplace',
  summary: 'what analysts ask about a large site: conversations, hosts, sums, packets, statistics, alerts',
  needsServers: true,
  async run(context) {
    const { scale, say } = context;
    const packets = scale.quick ? 200_000 : scale.full ? PACKETS_FULL : PACKETS;
    const pipeline = await Pipeline.create(context, { database: true });
    const pool = new pg.Pool({ ...pipeline.database, max: 4 });
    pool.on('error', () => undefined); // the database goes with the pipeline
    try {
      const to = Math.floor(Date.now() / 60_000) * 60_000;
      const stored = await storeSite(pool, { packets, from: to - DAY_MS, to }, say);
      await storeSiteAlerts((text, values) => pipeline.sql(text, values), ALERTS, to - DAY_MS, to);
      await pipeline.sql('VACUUM ANALYZE');
      const table = `${stored.packets.toLocaleString('en-US')} packets and ${stored.conversations.toLocaleString('en-US')} conversations of a day, ${ALERTS.toLocaleString('en-US')} alerts${scale.full ? '' : ' (targets are for 20,000,000 packets: --full)'}`;
      const facts = await gatherFacts((text, values) => pipeline.sql(text, values));
      const port = await freePort();
      await pipeline.start(['api', `--api-port=${port}`]);
      const figures: Figure[] = [];
      for (const [subject, { target, summary }] of Object.entries(SUBJECTS)) {
        const { slowest, times, all } = await askAll(subject, facts, port, scale.quick ? 5 : REQUESTS, say);
        figures.push({
          name: `workplace-${subject}`,
          value: quantile(times, 0.95),
          unit: 'ms',
          better: 'lower',
          target,
          note: `${summary}, ${table}: the largest 95th percentile of ${all} questions, that of ${slowest}; ${describeTimes(times)}.`,
        });
      }
      return [...figures, ...(await measureBytes(pipeline, table))];
    } finally {
      await pool.end();
      await pipeline.remove();
    }
  },
};

/** The question of a subject that takes longest, and its times. */
async function askAll(
  subject: string,
  facts: SiteFacts,
  port: number,
  requests: number,
  say: (line: string) => void,
): Promise<{ readonly slowest: string; readonly times: readonly number[]; readonly all: number }> {
  const questions = WORKPLACE_QUESTIONS.filter(({ name }) => name.startsWith(`${subject}.`));
  let slowest = '';
  let times: readonly number[] = [0];
  for (const { name, ask } of questions) {
    const milliseconds = await timeRequests(port, requests, (number) => ask(facts, number));
    say(`${name}: 95th percentile ${quantile(milliseconds, 0.95).toFixed(1)} ms; ${describeTimes(milliseconds)}`);
    if (quantile(milliseconds, 0.95) < quantile(times, 0.95)) continue;
    slowest = name;
    times = milliseconds;
  }
  return { slowest, times, all: questions.length };
}

async function measureBytes(pipeline: Pipeline, table: string): Promise<Figure[]> {
  const { rows } = await pipeline.sql<{ all_bytes: number; index_bytes: number; conversations: number }>(
    `SELECT sum(pg_total_relation_size(relid))::float8 AS all_bytes, sum(pg_indexes_size(relid))::float8 AS index_bytes,
       (SELECT count(*) FROM conversations)::float8 AS conversations
     FROM pg_partition_tree('conversations') WHERE isleaf`,
  );
  const { all_bytes: bytes, index_bytes: indexBytes, conversations } = rows[0]!;
  return [
    {
      name: 'conversation-bytes',
      value: bytes / conversations,
      unit: 'bytes',
      better: 'lower',
      note: `A conversation in Postgres with its indexes, which are ${(indexBytes / conversations).toFixed(1)} of them; ${table}.`,
    },
    {
      name: 'conversation-share',
      value: (100 * bytes) / (await pipeline.tableBytes()),
      unit: '%',
      better: 'lower',
      target: 12,
      note: `Bytes of conversations with their indexes by those of packets with theirs; ${table}.`,
    },
  ];
}
