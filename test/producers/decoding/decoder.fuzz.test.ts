/**
 * Mutated frames of every kind, each decoded twice within different surroundings: nothing throws, one row comes out,
 * and no byte outside the frame changes it. A third time the decoders of the layers decode it alone, which has to give
 * the same as the short cut for usual frames. That the mutations reach everything is asserted with V8's own coverage.
 * `NTA_FUZZ_INPUTS` sets how many.
 */
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { packetDocument } from '../../../producers/decoding/decode-report.js';
import {
  type DecodeOptions,
  Dissection,
  decodeFrame,
  decodeFrameByLayer,
} from '../../../producers/decoding/decoder.js';
import { projectRoot } from '../../../runtime/process/project.js';
import { DECODE_FAILURES } from '../../../schemas/packets/decode-failure.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { Random } from '../../support/random.js';
import { FAILING_FRAMES } from '../protocols/failures.js';
import { type MutatedFrame, mutate } from '../protocols/mutation.js';
import { SAMPLES } from '../protocols/samples.js';

const INPUTS = Number(process.env['NTA_FUZZ_INPUTS'] ?? 50_000);
const MARGIN = 128;
/** Of the decoders' code, what the inputs must execute. */
const COVERED_RANGES_MIN = 0.97;

/** A decoder with a buffer of its own, whose bytes outside the frame are all the same. */
class Bench {
  private readonly block = new PacketBlock(1);
  private readonly dissection: Dissection;
  private buffer: Buffer;

  constructor(
    options: DecodeOptions,
    private readonly surroundings: number,
    private readonly decodeOne: typeof decodeFrame = decodeFrame,
  ) {
    this.dissection = new Dissection({ ...options, observe: true });
    this.buffer = Buffer.alloc(64 * 1024, surroundings);
  }

  decode(frame: MutatedFrame): { readonly failure: number; readonly text: string } {
    const { block } = this;
    if (frame.bytes.length + 2 * MARGIN > this.buffer.length) {
      this.buffer = Buffer.alloc(frame.bytes.length * 2 + 2 * MARGIN, this.surroundings);
    }
    this.buffer.set(frame.bytes, MARGIN);
    block.reset();
    const { linkType } = frame;
    const origin = block.originIndex({
      captureNode: '',
      interface: '',
      linkType,
      timeline: '',
      sampling: 'none',
      samplingRate: 1,
    });
    const { length } = frame.bytes;
    const row = this.decodeOne(
      block,
      linkType,
      this.buffer,
      MARGIN,
      length,
      frame.frameLength,
      0,
      origin,
      this.dissection,
    );
    this.buffer.fill(this.surroundings, MARGIN, MARGIN + length);
    if (row !== 0 || block.count !== 1 || block.ipv6Count > 2) throw new Error('not exactly one row');
    const { payloadBuffer, payloadStart, payloadEnd, payloadLength } = this.dissection;
    const isOfFrame = payloadBuffer === this.buffer; // and not of a ClientHello in several
    if (
      payloadStart > payloadEnd ||
      (isOfFrame && (payloadEnd - payloadStart > payloadLength || payloadEnd > MARGIN + length))
    ) {
      throw new Error(`a payload of ${payloadStart} to ${payloadEnd}, ${payloadLength} on the wire`);
    }
    const payload = [payloadStart, payloadEnd, payloadLength];
    return {
      failure: block.failure[row]!,
      text: JSON.stringify([packetDocument(block, row, 1), payload, block.observations]),
    };
  }
}

it(`decodes ${INPUTS} mutated frames without reading beyond them, and reaches every decoder and failure`, {
  timeout: 60_000 + INPUTS,
}, async () => {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

  const random = new Random(20260101);
  const seeds = [...SAMPLES, ...FAILING_FRAMES.filter((frame) => frame.bytes.length < 2000)];
  const benches = (['outer', 'inner'] as const).map((tunnels) => [
    new Bench({ tunnels }, 0x00),
    new Bench({ tunnels }, 0xff),
    new Bench({ tunnels }, 0x00, decodeFrameByLayer),
  ]);
  const failures = new Map<number, number>();
  for (let input = 0; input < INPUTS; input++) {
    const frame = mutate(seeds, random);
    const [one, other, byLayer] = benches[input % 2]!;
    const decoded = one!.decode(frame);
    for (const bench of [other!, byLayer!]) {
      const again = bench.decode(frame);
      if (again.text === decoded.text) continue;
      expect.fail(`link ${frame.linkType}: ${frame.bytes.toString('hex')}\n${decoded.text}\n${again.text}`);
    }
    failures.set(decoded.failure, (failures.get(decoded.failure) ?? 0) + 1);
  }

  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  session.disconnect();
  expect(DECODE_FAILURES.filter((_, code) => !failures.has(code))).toEqual([]);
  expect(failures.get(0)! / INPUTS).toBeGreaterThan(0.1); // not all inputs die at the first header

  const decoders = ['protocols/', 'decoding/usual-frame.ts'].map((path) => join(projectRoot, 'producers', path));
  const urls = decoders.flatMap((path) => [path, pathToFileURL(path).href]);
  // Services are read of conversations and hellos put together from several frames: they have fuzzers of their own.
  const scripts = result.filter(
    (script) =>
      urls.some((url) => script.url.startsWith(url)) && !/\/protocols\/(service\/|unfinished-hello)/.test(script.url),
  );
  expect(scripts.filter((script) => script.url.endsWith('usual-frame.ts'))).toHaveLength(1);
  expect(scripts.length).toBeGreaterThan(30);
  const functions = scripts.flatMap((script) => script.functions.filter((fn) => fn.functionName !== ''));
  const unreached = functions.filter((fn) => fn.ranges[0]!.count === 0).map((fn) => fn.functionName);
  expect(unreached).toEqual([]);
  const ranges = functions.flatMap((fn) => fn.ranges);
  const reached = ranges.filter((range) => range.count > 0);
  expect(reached.length / ranges.length).toBeGreaterThan(COVERED_RANGES_MIN);
});
