/**
 * A large table: what the sink needs to fill it, questions to the API each with the plan that Postgres has for it, and how
 * long dropping it takes.
 */

import { strictObject } from '../../../api/http/strict-object.js';
import { SESSION_SETTINGS } from '../../../api/pool.js';
import { type PacketExpression, packetCondition, packetQueryShape } from '../../../api/queries/packet-filter.js';
import { packetStatement } from '../../../api/queries/packet-round.js';
import { indexStatement, walkStatement } from '../../../api/queries/segment-search.js';
import { isoMicros, microsOf } from '../../../api/queries/time-range.js';
import type { Bench } from '../bench.js';
import type { Figure } from '../figure.js';
import { provideInput } from '../inputs.js';
import { freePort } from '../metrics.js';
import { followStage, Pipeline, type StageProgress } from '../pipeline.js';
import { ProcessMeter } from '../process-meter.js';
import { quantile } from '../statistics.js';
import { describeTimes, timeRequests } from '../timed-requests.js';

const ROWS = 2_000_000;
const ROWS_FULL = 20_000_000;
const REQUESTS = 100;
const PAGE = 100;
/** Packets among which it looks for addresses to ask for. */
const SAMPLED = 200_000;

interface Facts {
  readonly from: string;
  readonly to: string;
  readonly middle: string;
  /** Addresses of any frequency, from busy to seen once. */
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
}

/** A question about packets, with other values at each request, so that no answer is already there. */
interface Question {
  readonly name: string;
  readonly summary: string;
  readonly filter: (facts: Facts, request: number) => Record<string, string>;
  /** Asks for the older half of the time. */
  readonly older?: true;
}

const SERVICES = ['123', '5353', '22', '3389'];

const QUESTIONS: readonly Question[] = [
  { name: 'newest', summary: 'the newest packets of half of the time', filter: () => ({}), older: true },
  { name: 'source', summary: 'one source', filter: ({ sources }, n) => ({ source: pick(sources, n) }) },
  {
    name: 'source-older',
    summary: 'one source in the older half of the time',
    filter: ({ sources }, n) => ({ source: pick(sources, n) }),
    older: true,
  },
  { name: 'host', summary: 'one address on either side', filter: ({ sources }, n) => ({ host: pick(sources, n) }) },
  {
    name: 'network',
    summary: 'a /24 of sources',
    filter: ({ sources }, n) => ({ source: `${pick(sources.filter(isIpv4), n)}/24` }),
  },
  {
    name: 'pair',
    summary: 'one source and one destination',
    filter: ({ sources, destinations }, n) => ({ source: pick(sources, n), destination: pick(destinations, n) }),
  },
  {
    name: 'destination-port',
    summary: 'one destination, port 443',
    filter: ({ destinations }, n) => ({ destination: pick(destinations, n), destination_port: '443' }),
  },
  { name: 'service', summary: 'a service on either side', filter: (_, n) => ({ port: pick(SERVICES, n) }) },
  { name: 'common-port', summary: 'destination port 443', filter: () => ({ destination_port: '443' }) },
  {
    name: 'client-port',
    summary: 'a port of clients',
    filter: (_, n) => ({ source_port: String(40_000 + ((n * 7_919) % 20_000)) }),
  },
  { name: 'protocol', summary: 'ICMP', filter: () => ({ protocol: 'icmp' }) },
  { name: 'syn', summary: 'SYNs without ACK', filter: () => ({ tcp_flags: 'syn,!ack' }) },
  {
    name: 'combined',
    summary: 'SYNs of one source to port 443',
    filter: ({ sources }, n) => ({ source: pick(sources, n), destination_port: '443', tcp_flags: 'syn,!ack' }),
  },
];

export const query: Bench = {
  name: 'query',
  summary: 'GET /api/packets filtered and /api/stats over a large table',
  needsServers: true,
  async run(context) {
    const { scale, say } = context;
    const rows = scale.quick ? 100_000 : scale.full ? ROWS_FULL : ROWS;
    const input = provideInput(context, 'mix', rows);
    const pipeline = await Pipeline.create(context, { database: true });
    try {
      await pipeline.publish([input.path]);
      const ends = await pipeline.ends();
      const sink = await pipeline.start(['sink', 'postgres']);
      const meter = new ProcessMeter(sink.pid);
      let peakOfFirstHalf = 0;
      const look = async (): Promise<StageProgress> => {
        const progress = await pipeline.stored(ends);
        if (progress.count < rows / 2) peakOfFirstHalf = meter.peakBytes;
        return progress;
      };
      await sink.during(followStage(look));
      const { peakBytes } = meter.stop();
      await sink.stop();
      await pipeline.sql('VACUUM ANALYZE packet_segments');
      const facts = await gather(pipeline, Math.min(100, (100 * SAMPLED) / rows));
      const port = await freePort();
      await pipeline.start(['api', `--api-port=${port}`]);
      for (const [name, value] of Object.entries(SESSION_SETTINGS)) await pipeline.sql(`SET ${name} TO '${value}'`);
      const requests = scale.quick ? 10 : REQUESTS;
      const table = `${rows.toLocaleString('en-US')} rows${scale.full ? '' : ' (the target is for 20,000,000: --full)'}`;
      const figures: Figure[] = [];
      for (const question of QUESTIONS) {
        const milliseconds = await timeRequests(port, requests, (request) => ({
          path: packetsPath(question, facts, request),
        }));
        const plan = await planOf(pipeline, question, facts);
        say(`${question.name}: ${describeTimes(milliseconds)}; ${plan}`);
        figures.push({
          name: `query-${question.name}`,
          value: quantile(milliseconds, 0.95),
          unit: 'ms',
          better: 'lower',
          target: 50,
          note: `${question.summary}, a page of ${PAGE} of ${table}: 95th percentile; ${describeTimes(milliseconds)}. Plan: ${plan}.`,
        });
      }
      const stats = await timeRequests(port, requests, () => ({
        path: `/api/stats?from=${facts.from}&to=${facts.to}`,
      }));
      figures.push({
        name: 'query-stats',
        value: quantile(stats, 0.95),
        unit: 'ms',
        better: 'lower',
        target: 20,
        note: `/api/stats over the whole time, ${table}: 95th percentile; ${describeTimes(stats)}. It reads the rollups alone.`,
      });
      figures.push(
        {
          name: 'sink-memory',
          value: peakBytes / 2 ** 20,
          unit: 'MiB',
          better: 'lower',
          note: `Most that nta sink postgres held while it stored ${rows.toLocaleString('en-US')} packets; in the first half ${(peakOfFirstHalf / 2 ** 20).toFixed(0)} MiB.`,
        },
        await dropDay(pipeline, `${rows.toLocaleString('en-US')} rows`),
      );
      return figures;
    } finally {
      await pipeline.remove();
    }
  },
};

/** `nta cleanup` of the whole table, while somebody reads packets all the time. */
async function dropDay(pipeline: Pipeline, table: string): Promise<Figure> {
  // Retention spares what was written lately, which all of this was.
  await pipeline.sql('UPDATE partitions SET last_write_at = range_end');
  let longestRead = 0;
  let goneAt: number | undefined;
  let reading = true;
  const startedAt = performance.now();
  const reader = (async () => {
    while (reading) {
      const askedAt = performance.now();
      const { rowCount } = await pipeline.sql(
        'SELECT last_at, sources FROM packet_segments ORDER BY last_at DESC LIMIT 1',
      );
      longestRead = Math.max(longestRead, performance.now() - askedAt);
      if (rowCount === 0) goneAt ??= askedAt;
    }
  })();
  const printed = await pipeline.run(['cleanup', '--retention-days=1']);
  const whole = (performance.now() - startedAt) / 1000;
  reading = false;
  await reader;
  const { rows } = await pipeline.sql<{ left: string }>(
    'SELECT coalesce(sum(packets), 0) AS left FROM packet_segments',
  );
  if (rows[0]!.left !== '0') throw new Error(`${rows[0]!.left} rows are left after nta cleanup`);
  const seconds = [...printed.matchAll(/^dropped packet_segments\S* .* in ([\d.]+) s$/gm)].map(([, text]) =>
    Number(text),
  );
  if (seconds.length === 0) throw new Error(`nta cleanup printed no time: ${printed}`);
  const gone =
    goneAt === undefined ? '' : ` the rows were gone after ${((goneAt - startedAt) / 1000).toFixed(2)} s, and`;
  return {
    name: 'drop-day',
    value: seconds.reduce((sum, one) => sum + one),
    unit: 's',
    better: 'lower',
    target: 1,
    note: `What nta cleanup says that it took to drop the partitions of ${table}, until their files were gone; from the start of the process to its end ${whole.toFixed(2)} s;${gone} the longest a reader waited meanwhile was ${longestRead.toFixed(0)} ms.`,
  };
}

const isIpv4 = (address: string): boolean => address.includes('.');

function rangeOf({ older }: Question, { from, middle, to }: Facts): { from: string; to: string } {
  return { from, to: older ? middle : to };
}

function packetsPath(question: Question, facts: Facts, request: number): string {
  const values = { ...rangeOf(question, facts), limit: String(PAGE), ...question.filter(facts, request) };
  return `/api/packets?${new URLSearchParams(values)}`;
}

/** The nodes of the plans of the first request, without those that only gather: finding segments, then their packets. */
async function planOf(pipeline: Pipeline, question: Question, facts: Facts): Promise<string> {
  const expression = strictObject(packetQueryShape).parse(question.filter(facts, 0)) as PacketExpression;
  const filter = packetCondition(expression);
  const { from, to } = rangeOf(question, facts);
  const range = { from: microsOf(from), to: microsOf(to) };
  const look = { keys: filter.segment, range, endBefore: Infinity };
  const statements = [
    walkStatement(look, PAGE, PAGE),
    ...(filter.segment === null ? [] : [indexStatement(look, PAGE, PAGE)]),
    packetStatement({
      filter,
      segments: [{ id: '0', first: range.from, last: range.from, packets: 1 }],
      window: range,
      after: null,
      limit: PAGE + 1,
    }),
  ];
  const plans: string[] = [];
  for (const { text, values } of statements) {
    const { rows } = await pipeline.sql<{ 'QUERY PLAN': string }>(`EXPLAIN (COSTS OFF) ${text}`, [...values]);
    const nodes = rows
      .map((row) => row['QUERY PLAN'].replace(/^[\s>-]*/, ''))
      .filter((line) => /Scan|Sort\b(?! Key)|BitmapOr/.test(line) && !/origins|^Subquery|^CTE/.test(line));
    plans.push([...new Set(nodes)].join(' ← '));
  }
  return plans.join('; ');
}

async function gather(pipeline: Pipeline, samplePercent: number): Promise<Facts> {
  const addresses = async (column: 'source' | 'destination'): Promise<string[]> => {
    // The networks behind the addresses of a segment are for its index alone.
    const { rows } = await pipeline.sql<{ address: string }>(
      `SELECT DISTINCT host(address) AS address FROM packet_segments TABLESAMPLE SYSTEM (${samplePercent}), unnest(${column}s) AS address
       WHERE masklen(address) = CASE family(address) WHEN 4 THEN 32 ELSE 128 END LIMIT 200`,
    );
    if (rows.length === 0) throw new Error(`no ${column} in the sample`);
    return rows.map(({ address }) => address);
  };
  const { rows } = await pipeline.sql<{ from: Date; to: Date }>(
    'SELECT min(first_at) AS "from", max(last_at) AS "to" FROM packet_segments',
  );
  const from = rows[0]!.from.getTime();
  const to = rows[0]!.to.getTime() + 1;
  return {
    from: isoMicros(from),
    to: isoMicros(to),
    middle: isoMicros((from + to) / 2),
    sources: await addresses('source'),
    destinations: await addresses('destination'),
  };
}

function pick(values: readonly string[], request: number): string {
  return values[request % values.length]!;
}
