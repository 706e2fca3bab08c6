/** kill -9 of a worker under traffic: seconds until each of its partitions is processed again. */
import type { Bench } from '../bench.js';
import { provideInput } from '../inputs.js';
import { type Part, Pipeline } from '../pipeline.js';
import { quantile } from '../statistics.js';

const PARTITIONS = 4;
const POLL_MS = 20;
const TIMEOUT_MS = 60_000;
/** Traffic before the kill, so that there are windows to rebuild. */
const WARM_UP_MS = 10_000;

export const recovery: Bench = {
  name: 'recovery',
  summary: 'kill -9 of one of two workers, until its partitions are processed again',
  needsServers: true,
  async run(context) {
    const { scale, say } = context;
    const input = provideInput(context, 'smallest', scale.quick ? 1_000_000 : 3_000_000);
    const seconds: number[] = [];
    for (let run = 0; run < scale.repeats; run++) {
      const pipeline = await Pipeline.create(context, { partitions: PARTITIONS });
      try {
        const workers = await Promise.all([0, 1].map(() => pipeline.start(['process', '--commit-interval=200ms'])));
        // 50,000 packets/s, as they were captured.
        const traffic = await pipeline.start(['capture', '--pace', `--read=${input.path}`]);
        await untilOwned(workers);
        await delay(scale.quick ? 3_000 : WARM_UP_MS);
        const victim = workers[0]!;
        const partitions = ownedPartitions(victim);
        const before = await pipeline.committed();
        const killedAt = performance.now();
        victim.kill('SIGKILL');
        await victim.ended;
        for (const partition of partitions) {
          await traffic.during(
            until(async () => {
              const committed = await pipeline.committed();
              return committed[partition]!.offset > before[partition]!.offset + 1;
            }),
          );
          seconds.push((performance.now() - killedAt) / 1000);
        }
        say(`${partitions.length} partitions after ${seconds.at(-1)!.toFixed(2)} s`);
      } finally {
        await pipeline.remove();
      }
    }
    const note = `From SIGKILL to the next committed offset, the slowest partition of ${seconds.length} in ${scale.repeats} runs; two workers, 50,000 packets/s, --session-timeout 3s, windows rebuilt from the topic. Nothing restarts the dead worker here: the other one takes over.`;
    return [
      { name: 'recovery', value: Math.max(...seconds), runs: seconds, unit: 's', better: 'lower', target: 5, note },
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

/** As its log says: an assignment is known when the partition is ready. The last rebalance counts. */
function ownedPartitions(worker: Part): number[] {
  const ready = [...worker.log.matchAll(/^\{.*"partition":(\d+).*"partition ready"/gm)].map((match) =>
    Number(match[1]),
  );
  return [...new Set(ready)];
}

async function untilOwned(workers: readonly Part[]): Promise<void> {
  await until(async () => {
    const owned = workers.map(ownedPartitions);
    return owned.every(({ length }) => length > 0) && new Set(owned.flat()).size === PARTITIONS;
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${TIMEOUT_MS / 1000} s`);
    await delay(POLL_MS);
  }
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
