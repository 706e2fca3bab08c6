/**
 * Generated traffic as streams of pcap bytes: deterministic, of any length, with bounded memory.
 *
 * A `TrafficScript` is a generator that yields the time of its next packet and is resumed with the writer when that
 * packet is due; `mergeTraffic` interleaves scripts in order of time. The scripts themselves: normal-traffic.ts,
 * attack-traffic.ts, benign-traps.ts, worst-case-traffic.ts.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { PacketWriter, type PacketWriterOptions } from './packet-writer.js';

/** Yields times in µs since 1970-01-01 UTC, never going back; after each it writes exactly one packet at that time. */
export type TrafficScript = Generator<number, void, PacketWriter>;

/** 2026-01-01T00:00:00Z, when generated captures start. */
export const TRAFFIC_START = Date.UTC(2026, 0, 1) * 1000;
export const SECOND = 1_000_000;

/** All packets of all scripts by time; of packets at one instant, those of the earlier script first. */
export function* mergeTraffic(...scripts: readonly TrafficScript[]): TrafficScript {
  const running = [...scripts];
  const times = running.map((script) => firstTime(script));
  for (;;) {
    let earliest = 0;
    for (let i = 1; i < times.length; i++) {
      if (times[i]! < times[earliest]!) earliest = i;
    }
    const time = times[earliest];
    if (time === undefined || time === Number.POSITIVE_INFINITY) return;
    const writer = yield time;
    const step = running[earliest]!.next(writer);
    times[earliest] = step.done ? Number.POSITIVE_INFINITY : step.value;
  }
}

// A generator discards the argument of its first next(): that call only runs it to its first yield.
function firstTime(script: TrafficScript): number {
  const step = (script as Generator<number, void, unknown>).next(undefined);
  return step.done ? Number.POSITIVE_INFINITY : step.value;
}

export interface TrafficLimits extends PacketWriterOptions {
  /** Ends the traffic after so many packets. */
  readonly maxPackets?: number;
  /** Ends the traffic before the first packet at or after this time, µs. */
  readonly until?: number;
}

/** The bytes of a pcap file, in chunks of about a MiB; returns how many packets there were. */
export function* trafficChunks(
  script: TrafficScript,
  limits: TrafficLimits = {},
): Generator<Buffer, number, undefined> {
  const writer = new PacketWriter(limits);
  const maxPackets = limits.maxPackets ?? Number.POSITIVE_INFINITY;
  const until = limits.until ?? Number.POSITIVE_INFINITY;
  let time = firstTime(script);
  while (time < until && writer.packets < maxPackets) {
    const step = script.next(writer);
    if (writer.full) yield writer.take();
    if (step.done) break;
    time = step.value;
  }
  yield writer.take();
  return writer.packets;
}

/** The traffic as one pcap file in memory. */
export function trafficFile(script: TrafficScript, limits: TrafficLimits = {}): Buffer {
  return Buffer.concat([...trafficChunks(script, limits)]);
}

/** The traffic as a stream of pcap bytes that honours back-pressure. */
export function trafficStream(script: TrafficScript, limits: TrafficLimits = {}): Readable {
  return Readable.from(trafficChunks(script, limits), { objectMode: false });
}

/** Writes the traffic to a pcap file and returns its size in packets and bytes. */
export function writeTraffic(
  path: string,
  script: TrafficScript,
  limits: TrafficLimits = {},
): { readonly packets: number; readonly bytes: number } {
  const file = openSync(path, 'w');
  try {
    const chunks = trafficChunks(script, limits);
    let bytes = 0;
    for (;;) {
      const step = chunks.next();
      if (step.done) return { packets: step.value, bytes };
      for (let written = 0; written < step.value.length; ) written += writeSync(file, step.value, written);
      bytes += step.value.length;
    }
  } finally {
    closeSync(file);
  }
}
