/** Questions to the API over a large table. */
import type { Bench } from '../bench.js';
import type { Figure } from '../figure.js';
import { provideInput } from '../inputs.js';
import { freePort } from '../metrics.js';
import { followStage, Pipeline } from '../pipeline.js';
import { median, quantile } from '../statistics.js';

const ROWS = 2_000_000;
const ROWS_FULL = 20_000_000;
const REQUESTS = 100;
const WARM_UP = 5;

interface Facts {
  readonly from: string;
  readonly to: string;
  readonly middle: string;
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
}

/** A question, with other values at each request, so that no answer is already there. */
interface Question {
  readonly name: string;
  readonly summary: string;
  readonly path: (facts: Facts, request: number) => string;
  readonly target?: number;
}

const QUESTIONS: readonly Question[] = [
  {
    name: 'source',
    summary: 'the newest 100 packets of one source',
    path: ({ from, to, sources }, request) =>
      `/api/packets?from=${from}&to=${to}&limit=100&source=${pick(sources, request)}`,
    target: 50,
  },
  {
    name: 'destination-port',
    summary: 'the newest 100 packets of one destination to port 443',
    path: ({ from, to, destinations }, request) =>
      `/api/packets?from=${from}&to=${to}&limit=100&destination=${pick(destinations, request)}&destination_port=443`,
    target: 50,
  },
  {
    name: 'newest',
    summary: 'the newest 100 packets of the second half of the time',
    path: ({ middle, to }, request) => `/api/packets?from=${middle}&to=${to}&limit=${100 + (request % 3)}`,
    target: 50,
  },
  {
    name: 'stats',
    summary: '/api/stats over the whole time',
    path: ({ from, to }) => `/api/stats?from=${from}&to=${to}`,
  },
];

export const query: Bench = {
  name: 'query',
  summary: 'GET /api/packets filtered and /api/stats over a large table',
  needsServers: true,
  async run(context) {
    const { scale, say } = context;
    const rows = scale.quick ? 100_000 : scale.full ? ROWS_FULL : ROWS;
    const input = provideInput(context, 'mix', Math.min(rows, scale.packets));
    const pipeline = await Pipeline.create(context, { database: true });
    try {
      await pipeline.publish(new Array<string>(Math.ceil(rows / input.packets)).fill(input.path));
      const ends = await pipeline.ends();
      const sink = await pipeline.start(['sink', 'postgres']);
      await sink.during(followStage(() => pipeline.stored(ends)));
      await sink.stop();
      await pipeline.sql('ANALYZE packets');
      const facts = await gather(pipeline);
      const port = await freePort();
      await pipeline.start(['api', `--api-port=${port}`]);
      const figures: Figure[] = [];
      for (const question of QUESTIONS) {
        const milliseconds = await ask(question, facts, port, scale.quick ? 10 : REQUESTS);
        say(`${question.name}: ${median(milliseconds).toFixed(1)} ms`);
        figures.push({
          name: `query-${question.name}`,
          value: quantile(milliseconds, 0.95),
          unit: 'ms',
          better: 'lower',
          ...(question.target === undefined ? {} : { target: question.target }),
          note: `95th percentile of ${milliseconds.length} requests, one after another, median ${median(milliseconds).toFixed(1)} ms, largest ${Math.max(...milliseconds).toFixed(1)} ms; ${question.summary}, of ${rows.toLocaleString('en-US')} rows${scale.full ? '' : ' (the target is for 20,000,000: --full)'}.`,
        });
      }
      return figures;
    } finally {
      await pipeline.remove();
    }
  },
};

async function gather(pipeline: Pipeline): Promise<Facts> {
  const addresses = async (column: 'source' | 'destination'): Promise<string[]> => {
    const { rows } = await pipeline.sql<{ address: string }>(
      `SELECT DISTINCT host(${column}) AS address FROM packets TABLESAMPLE SYSTEM (1) WHERE ${column} IS NOT NULL LIMIT 200`,
    );
    if (rows.length === 0) throw new Error(`no ${column} in the sample`);
    return rows.map(({ address }) => address);
  };
  const { rows } = await pipeline.sql<{ from: Date; to: Date }>(
    'SELECT min(captured_at) AS "from", max(captured_at) AS "to" FROM packets',
  );
  const from = rows[0]!.from.getTime();
  const to = rows[0]!.to.getTime() + 1;
  const iso = (time: number): string => new Date(time).toISOString();
  return {
    from: iso(from),
    to: iso(to),
    middle: iso((from + to) / 2),
    sources: await addresses('source'),
    destinations: await addresses('destination'),
  };
}

async function ask(question: Question, facts: Facts, port: number, requests: number): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let request = -WARM_UP; request < requests; request++) {
    const startedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}${question.path(facts, request + WARM_UP)}`);
    const body = await response.text();
    const taken = performance.now() - startedAt;
    if (!response.ok) throw new Error(`${question.name}: HTTP ${response.status}: ${body.slice(0, 500)}`);
    if (request >= 0) milliseconds.push(taken);
  }
  return milliseconds;
}

function pick(values: readonly string[], request: number): string {
  return encodeURIComponent(values[request % values.length]!);
}
