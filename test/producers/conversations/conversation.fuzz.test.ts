/**
 * Mutated frames of every kind through the tracker of conversations: nothing throws, and what comes out is the same
 * whether packets are taken one by one or many at once, in a table large enough and in one that is far too small.
 * `NTA_FUZZ_INPUTS` sets how many.
 */
import { expect, it } from 'vitest';
import { ConversationTracker } from '../../../producers/conversations/conversation-tracker.js';
import { Dissection, decodeFrame } from '../../../producers/decoding/decoder.js';
import { Payloads } from '../../../producers/decoding/payloads.js';
import { HISTORY_MAX, NAME_BYTES_MAX } from '../../../schemas/conversations/conversation.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { conversationRow, receivedRow } from '../../support/conversation-tap.js';
import { Random } from '../../support/random.js';
import { type MutatedFrame, mutate } from '../protocols/mutation.js';
import { SAMPLES } from '../protocols/samples.js';

const INPUTS = Number(process.env['NTA_FUZZ_INPUTS'] ?? 10_000);
const START = 1_700_000_000_000_000;

/** A tracker fed with so many packets at once, whose frames share one buffer; keeps a digest of all its rows. */
class Bench {
  digest = 0;
  rows = 0;
  private readonly block = new PacketBlock(64);
  private readonly dissection = new Dissection();
  private readonly payloads = new Payloads();
  private readonly buffer = Buffer.alloc(256 * 1024);
  readonly tracker: ConversationTracker;

  constructor(
    private readonly batch: number,
    capacity: number,
  ) {
    this.tracker = new ConversationTracker({
      capacity,
      updateIntervalMicroseconds: 500_000,
      deliver: (conversations, received) => {
        for (let row = 0; row < conversations.count; row++) {
          const { history, names } = conversationRow(conversations, row);
          const texts = Object.values(names ?? {}).map((name) => Buffer.byteLength(String(name)));
          if (history.length > HISTORY_MAX || Math.max(0, ...texts) > NAME_BYTES_MAX)
            throw new Error('a text is too long');
          this.add(JSON.stringify(conversationRow(conversations, row)));
        }
        for (let row = 0; row < received.count; row++) this.add(JSON.stringify(receivedRow(received, row)));
      },
    });
  }

  private add(text: string): void {
    this.rows++;
    let hash = 0;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    // Rows of both kinds come in another order when they are taken many at once.
    this.digest = (this.digest + hash) | 0;
  }

  take({ bytes, linkType }: MutatedFrame, time: number): void {
    const { block, buffer, payloads } = this;
    // As in a file's buffer, a frame lies where another one was.
    if (bytes.length > buffer.length) return;
    payloads.secure();
    buffer.set(bytes, 0);
    const origin = block.originIndex(originOf(linkType));
    const row = decodeFrame(block, linkType, buffer, 0, bytes.length, bytes.length, time, origin, this.dissection);
    payloads.keep(row, block, row, this.dissection, buffer);
    if (block.count === this.batch) this.classify();
  }

  private classify(): void {
    this.tracker.classify(this.block, 0, this.block.count, this.payloads);
    this.tracker.flush();
    this.block.reset();
  }

  finish(): void {
    this.classify();
    this.tracker.finish();
  }
}

const origins = new Map<number, Parameters<PacketBlock['originIndex']>[0]>();

function originOf(linkType: number): Parameters<PacketBlock['originIndex']>[0] {
  const known = origins.get(linkType);
  if (known !== undefined) return known;
  const empty = { captureNode: '', interface: '', timeline: '', sampling: 'none', samplingRate: 1 } as const;
  const origin = { ...empty, linkType };
  origins.set(linkType, origin);
  return origin;
}

it.each([
  ['room for all', 16_384],
  ['room for sixteen', 16],
])('mutated frames, %s', { timeout: 3_600_000 }, (_, capacity) => {
  const random = new Random(capacity);
  const benches = [new Bench(1, capacity), new Bench(64, capacity)];
  let time = START;
  for (let count = 0; count < INPUTS / 2; count++) {
    const frame = mutate(SAMPLES, random);
    time += random.below(50) === 0 ? random.between(-70_000_000, 90_000_000) : random.below(3_000);
    for (const bench of benches) bench.take(frame, time);
  }
  for (const bench of benches) bench.finish();
  expect(benches[0]!.rows).toBeGreaterThan(INPUTS / 100);
  expect(benches[1]).toMatchObject({ rows: benches[0]!.rows, digest: benches[0]!.digest });
  expect(benches[1]!.tracker.evicted).toBe(benches[0]!.tracker.evicted);
});
