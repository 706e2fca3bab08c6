/** The codec of records beside avsc, on as many packets as a capture node gathers at most. */

import { ConversationTracker } from '../../../producers/conversations/conversation-tracker.js';
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import { PACKETS_MAX, RecordAccumulator } from '../../../producers/publisher/record-accumulator.js';
import {
  decodePacketBatch,
  decodePacketBatchObjects,
  MAX_BATCH_PACKETS,
} from '../../../schemas/packets/packet-batch.js';
import { publishedSchemas } from '../../../schemas/packets/packet-batch-schemas.js';
import { ADDRESS_NONE, PacketBlock } from '../../../schemas/packets/packet-block.js';
import { addRows } from '../../support/accumulated-rows.js';
import type { Bench } from '../bench.js';
import type { Figure } from '../figure.js';
import { provideInput } from '../inputs.js';
import { repeated } from '../repeated.js';

/** Rounds over one block in a run, so that a run takes long enough to be timed. */
const ROUNDS = 20;
/** avsc is slower by an order of magnitude. */
const AVSC_ROUNDS = 2;
const FRAMING_BYTES = 10;

export const codec: Bench = {
  name: 'codec',
  summary: 'the Avro codec, beside avsc; bytes a packet',
  needsServers: false,
  async run(context) {
    const packets = Math.max(PACKETS_MAX, Math.min(context.scale.packets, 2 * PACKETS_MAX));
    const input = provideInput(context, 'mix', packets);
    const stop = new AbortController();
    const measured: Figure[] = [];
    const options = { blockCapacity: PACKETS_MAX, conversations: new ConversationTracker(), signal: stop.signal };
    // In the callback, because the decoder fills its block again when it returns.
    await decodeCapture(input.path, options, async (block) => {
      if (measured.length === 0) measured.push(...(await measureBlock(block, input.summary, context.scale.repeats)));
      stop.abort();
    });
    return measured;
  },
};

async function measureBlock(block: PacketBlock, summary: string, repeats: number): Promise<Figure[]> {
  const accumulator = new RecordAccumulator(block);
  const records = encodeAll(block, accumulator);
  const count = block.sourceKind.subarray(0, block.count).filter((kind) => kind !== ADDRESS_NONE).length;
  const type = publishedSchemas()[0]!.type;
  const objects = records.map((record) => decodePacketBatchObjects(record).batch);
  checkSame(
    records,
    objects.map((object) => type.toBuffer(object)),
  );
  const target = new PacketBlock(MAX_BATCH_PACKETS);

  const time = (rounds: number, work: () => void) =>
    repeated(Math.max(3, repeats), () => {
      const startedAt = performance.now();
      for (let round = 0; round < rounds; round++) work();
      return (rounds * count * 1000) / (performance.now() - startedAt);
    });
  const encode = await time(ROUNDS, () => encodeAll(block, accumulator));
  const decode = await time(ROUNDS, () => {
    for (const record of records) {
      target.reset();
      if (!decodePacketBatch(record, target).ok) throw new Error('a record of ours was refused');
    }
  });
  const avscEncode = await time(AVSC_ROUNDS, () => {
    for (const object of objects) type.toBuffer(object);
  });
  const avscDecode = await time(AVSC_ROUNDS, () => {
    for (const record of records) type.fromBuffer(record.subarray(FRAMING_BYTES));
  });

  const bytes = records.reduce((sum, record) => sum + record.length, 0);
  const captured = block.capturedLength.subarray(0, block.count).reduce((sum, length) => sum + length, 0);
  const shape = `${count.toLocaleString('en-US')} packets of ${records.length.toLocaleString('en-US')} sources in one block. ${summary}.`;
  const rate = { unit: 'packets/s', better: 'higher' } as const;
  return [
    {
      name: 'encode',
      ...encode,
      ...rate,
      against: {
        name: 'avsc encode',
        value: avscEncode.value,
        note: 'the same bytes from objects that were made beforehand; making them is not in its time.',
      },
      note: `Columns to records, grouping by source included. ${shape}`,
    },
    {
      name: 'decode-records',
      ...decode,
      ...rate,
      against: {
        name: 'avsc decode',
        value: avscDecode.value,
        note: 'the same records to objects; filling columns from them is not in its time.',
      },
      note: `Records to columns. ${shape}`,
    },
    {
      name: 'record-bytes',
      value: bytes / count,
      unit: 'bytes/packet',
      better: 'lower',
      against: {
        name: 'captured bytes',
        value: captured / block.count,
        note: 'the frames as cut to 256 bytes: they hold the beginning of the payload, we keep headers and names.',
      },
      note: `Of records, uncompressed, without keys. ${shape}`,
    },
  ];
}

function encodeAll(block: PacketBlock, accumulator: RecordAccumulator): Buffer[] {
  const records: Buffer[] = [];
  addRows(accumulator, block);
  accumulator.flush((_key, value) => records.push(value));
  return records;
}

function checkSame(records: readonly Buffer[], payloads: readonly Buffer[]): void {
  if (records.some((record, index) => !record.subarray(FRAMING_BYTES).equals(payloads[index]!))) {
    throw new Error('avsc writes other bytes than ours: nothing to compare');
  }
}
