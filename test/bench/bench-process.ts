/** One bench in this process, for `main.ts`: gets its order by IPC and answers with figures. */
import { inlineHotPaths } from '../../runtime/process/compiler.js';
import { messageOf } from '../../runtime/process/failure.js';
import { type BenchScale, type BenchServers, NotHere } from './bench.js';
import { BENCHES } from './catalogue.js';
import type { Figure } from './figure.js';

export interface BenchOrder {
  readonly name: string;
  readonly scale: BenchScale;
  readonly folder: string;
  readonly servers: BenchServers | null;
}

export type BenchMessage =
  | { readonly type: 'say'; readonly line: string }
  | { readonly type: 'figures'; readonly figures: readonly Figure[] }
  | { readonly type: 'absent'; readonly reason: string }
  | { readonly type: 'failed'; readonly reason: string };

async function answer({ name, scale, folder, servers }: BenchOrder): Promise<BenchMessage> {
  const bench = BENCHES.find((candidate) => candidate.name === name);
  if (bench === undefined) return { type: 'failed', reason: `there is no bench ${name}` };
  try {
    const figures = await bench.run({
      scale,
      folder,
      servers: () => {
        if (servers === null) throw new Error(`${name} uses servers and does not say so`);
        return servers;
      },
      say: (line) => send({ type: 'say', line }),
    });
    return { type: 'figures', figures };
  } catch (error) {
    if (error instanceof NotHere) return { type: 'absent', reason: error.message };
    return { type: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : messageOf(error) };
  }
}

function send(message: BenchMessage, done?: () => void): void {
  process.send?.(message, () => done?.());
}

// As the product's own processes do first.
inlineHotPaths();
process.once('message', (order: BenchOrder) => {
  void answer(order).then((message) => send(message, () => process.exit(0)));
});
// A bench whose run has been ended has nobody to report to, and must not leave its children behind.
process.once('disconnect', () => process.exit(1));
