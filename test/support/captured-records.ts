/** A capture as the records that a node makes of it: packets, what became of conversations, and what hosts received. */
import { Balance } from '../../producers/balance.js';
import { Intake } from '../../producers/decoding/intake.js';
import { Registry } from '../../runtime/process/metrics.js';
import { encodeTick } from '../../schemas/packets/packet-batch.js';
import type { StreamRecord } from './attack-stream.js';

/** Records hold what came within this, µs. */
const FLUSH_MICROS = 50_000;
const TICK_MICROS = 1_000_000;

/** @param capture a pcap file of Ethernet, as traffic.ts writes it */
export function capturedRecords(capture: Buffer, captureNode: string, timeline = ''): StreamRecord[] {
  const records: StreamRecord[] = [];
  let time = 0;
  const options = { captureNode, sampling: { kind: 'none', rate: 1 }, tunnels: 'outer', vlanTpids: [] } as const;
  const intake = new Intake(options, new Balance(new Registry()), ({ key, value, packets, memory }) => {
    records.push({ time, key: key.toString(), value: Buffer.from(value), packets });
    memory?.release();
  });
  const source = intake.source({ name: 'eth0', timeline });
  source.onInterface({ index: 0, linkType: 1, name: null, snapLength: 65_535, resolution: '10^-6 s' });
  let flushedAt = 0;
  let tickedAt = 0;
  const tick = (): void => {
    records.push({ time, key: null, value: encodeTick(source.origin!, time, false), packets: 0 });
  };
  for (let at = 24; at + 16 <= capture.length; ) {
    time = capture.readUInt32LE(at) * 1_000_000 + capture.readUInt32LE(at + 4);
    const [captured, length] = [capture.readUInt32LE(at + 8), capture.readUInt32LE(at + 12)];
    if (time - flushedAt > FLUSH_MICROS) {
      intake.flush();
      flushedAt = time;
    }
    if (time - tickedAt > TICK_MICROS) {
      if (tickedAt > 0) tick();
      tickedAt = time;
    }
    source.onFrame(capture, at + 16, captured, length, time, 0);
    at += 16 + captured;
  }
  intake.finish();
  // Past the wait for outcomes.
  time += 2 * TICK_MICROS;
  tick();
  return records;
}
