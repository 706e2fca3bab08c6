/** Traffic at a rate that tcpreplay does not reach: trafgen of Debian's netsniff-ng, which sends from a ring of frames. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCapture } from '../../producers/capture-file/reader.js';
import { type CaptureWire, FAR_END } from '../support/capture-wire.js';
import type { Input } from './inputs.js';

/** Different frames, which trafgen sends one after another, again and again. */
const FRAMES = 10_000;

/**
 * Sends the first frames of a capture over the wire until there were `packets` of them.
 *
 * @param packetsPerSecond what trafgen is asked for; with gaps of a few µs it sends somewhat more or less
 */
export async function sendByTrafgen(
  wire: CaptureWire,
  input: Input,
  { packets, packetsPerSecond, folder }: { packets: number; packetsPerSecond: number; folder: string },
): Promise<void> {
  const configuration = join(folder, 'trafgen.cfg');
  writeFileSync(configuration, await framesAsText(input.path));
  await wire.run('trafgen', [
    `--in=${configuration}`,
    `--out=${FAR_END}`,
    `--num=${packets}`,
    `--rate=${packetsPerSecond}pps`,
    '--cpus=1',
    '--no-sock-mem',
  ]);
}

async function framesAsText(path: string): Promise<string> {
  const frames: string[] = [];
  const enough = new AbortController();
  const failure = await readCapture(
    path,
    () => ({
      onInterface: () => undefined,
      onStatistics: () => undefined,
      onFrame: (buffer, offset, length) => {
        if (frames.length === FRAMES) return enough.abort();
        frames.push(`{ ${[...buffer.subarray(offset, offset + length)].join(', ')} }`);
      },
    }),
    { signal: enough.signal },
  );
  if (failure !== null) throw new Error(`${path}: ${failure.message}`);
  return frames.join('\n');
}
