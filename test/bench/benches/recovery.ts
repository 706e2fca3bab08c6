/** kill -9 of a worker under traffic: seconds until each of its partitions is processed again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.js';
import { provideInput } from '../inputs.js';
import { type Part, Pipeline } from '../pipeline.js';
import { quantile } from '../statistics.js';

const PARTITIONS = 4;
const POLL_MS = 20;
const TIMEOUT_MS = 60_000;
/** What the dead worker had sent to the broker is done by then, and nobody else has noticed yet. */
const LAST_COMMIT_MS = 100;
/** Traffic before the kill: the longest window that is rebuilt, whole. */
const WARM_UP_MS = 60_000;
const PACKETS_PER_SECOND = 50_000;
/** Traffic left for the takeover, in which the dead worker's partitions have to get on. */
const AFTER_MS = 30_000;

export const recovery: Bench = {
  name: 'recovery',
  summary: 'kill -9 of one of two workers, until its partitions are processed again',
  needsServers: true,
  async run(context) {
    const { scale, say } = context;
    const warmUpMs = scale.quick ? 3_000 : WARM_UP_MS;
    const input = provideInput(context, 'smallest', ((warmUpMs + AFTER_MS) * PACKETS_PER_SECOND) / 1000);
    const seconds: number[] = [];
    for (let run = 0; run < scale.repeats; run++) {
      const pipeline = await Pipeline.create(context, { partitions: PARTITIONS });
      try {
        const workers = await Promise.all([0, 1].map(() => pipeline.start(['process', '--commit-interval=200ms'])));
        // 50,000 packets/s, as they were captured.
        const traffic = await pipeline.start(['capture', '--pace', `--read=${input.path}`]);
        await untilOwned(workers);
        await sleep(warmUpMs);
        const victim = workers[0]!;
        const partitions = partitionsOf(victim, workers);
        const killedAt = performance.now();
        victim.kill('SIGKILL');
        await victim.ended;
        await sleep(LAST_COMMIT_MS);
        const before = await pipeline.committed();
        const times = await traffic.during(timesOfNextCommit(pipeline, partitions, before, killedAt));
        seconds.push(...times);
        say(`${partitions.length} partitions of the dead worker after ${Math.max(...times).toFixed(2)} s`);
      } finally {
        await pipeline.remove();
      }
    }
    const note = `From SIGKILL to the next committed offset, the slowest partition of ${seconds.length} in ${scale.repeats} runs; two workers, 50,000 packets/s for ${warmUpMs / 1000} s before, --session-timeout 3s, windows rebuilt from the topic. Nothing restarts the dead worker here: the other one takes over.`;
    return [
      { name: 'recovery', value: Math.max(...seconds), unit: 's', better: 'lower', target: 5, note },
      {
        name: 'recovery-median',
        value: quantile(seconds, 0.5),
        unit: 's',
        better: 'lower',
        note: 'The median partition of the same runs.',
      },
    ];
  },
};

/** Seconds from the kill until each partition has a commit of its new owner. */
async function timesOfNextCommit(
  pipeline: Pipeline,
  partitions: readonly number[],
  before: Awaited<ReturnType<Pipeline['committed']>>,
  killedAt: number,
): Promise<number[]> {
  const times = new Map<number, number>();
  await until(async () => {
    const committed = await pipeline.committed();
    for (const partition of partitions) {
      if (!times.has(partition) && committed[partition]!.offset > before[partition]!.offset)
        times.set(partition, (performance.now() - killedAt) / 1000);
    }
    return times.size === partitions.length;
  });
  return [...times.values()];
}

/** Whose partition each is: the first worker has all of them until the second has joined, so the latest word counts. */
function owners(workers: readonly Part[]): Map<number, Part> {
  const latest = new Map<number, { readonly time: string; readonly worker: Part }>();
  for (const worker of workers) {
    for (const line of worker.log.split('\n').filter((text) => text.includes('"partition ready"'))) {
      const { partition, time } = JSON.parse(line) as { partition: number; time: string };
      if (time >= (latest.get(partition)?.time ?? '')) latest.set(partition, { time, worker });
    }
  }
  return new Map([...latest].map(([partition, { worker }]) => [partition, worker]));
}

function partitionsOf(worker: Part, workers: readonly Part[]): number[] {
  return [...owners(workers)].filter(([, owner]) => owner === worker).map(([partition]) => partition);
}

async function untilOwned(workers: readonly Part[]): Promise<void> {
  await until(async () => {
    const owned = owners(workers);
    return owned.size === PARTITIONS && new Set(owned.values()).size === workers.length;
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${TIMEOUT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}
