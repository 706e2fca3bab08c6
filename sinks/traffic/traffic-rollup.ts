/** Statistics of the packets of one transaction, by minute and capture node, before they are added to the tables. */
import {
  HAS_IP,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
  type PacketOrigin,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from '../../schemas/packets/packet-block.js';
import { storable } from '../packets/origin-dictionary.js';
import { SecondRollup } from './second-rollup.js';
import type { SourceDictionary } from './source-dictionary.js';
import { addToSketch, SKETCH_BYTES } from './source-sketch.js';
import { TallyTable } from './tally-table.js';

/** Counts scaled by the sampling rate, but for `observedPackets`. */
export interface TrafficBucket {
  /** Minutes: 1 or 60. */
  readonly resolution: number;
  /** Start, seconds since 1970-01-01 UTC. */
  readonly startSeconds: number;
  readonly captureNode: string;
  packets: number;
  bytes: number;
  observedPackets: number;
  failures: number;
  /** TCP packets by their lowest six flags. */
  readonly tcpFlags: Float64Array;
  /** By protocolKey. */
  protocols: TallyTable;
  /** By the number of the source. */
  sources: TallyTable;
  /** By portKey. */
  ports: TallyTable;
  readonly sketch: Uint8Array;
}

export const protocolKey = (etherType: number, ipProtocol: number): number => etherType * 512 + ipProtocol + 1;
export const protocolOf = (key: number): [etherType: number, ipProtocol: number] => [
  Math.floor(key / 512),
  (key % 512) - 1,
];
export const portKey = (ipProtocol: number, port: number): number => ipProtocol * 65_536 + port;
export const portOf = (key: number): [ipProtocol: number, port: number] => [key >>> 16, key & 0xffff];

const TCP_FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG;

/** TCP packets of the bucket that have all of these flags and none of the others given. */
export function countTcp({ tcpFlags }: TrafficBucket, set: number, unset = 0): number {
  let packets = 0;
  for (let flags = 0; flags <= TCP_FLAGS; flags++) if ((flags & (set | unset)) === set) packets += tcpFlags[flags]!;
  return packets;
}

function createBucket(resolution: number, startSeconds: number, captureNode: string): TrafficBucket {
  return {
    resolution,
    startSeconds,
    captureNode,
    packets: 0,
    bytes: 0,
    observedPackets: 0,
    failures: 0,
    tcpFlags: new Float64Array(TCP_FLAGS + 1),
    protocols: new TallyTable(),
    sources: new TallyTable(),
    ports: new TallyTable(),
    sketch: new Uint8Array(SKETCH_BYTES),
  };
}

const MINUTE_MICROS = 60_000_000;
/** A sampling rate beyond this is an error of the sender; scaled by it, sums would leave the range of bigint. */
const SAMPLING_RATE_MAX = 1_000_000;

export class TrafficRollup {
  private readonly nodes = new Map<string, Map<number, TrafficBucket>>();
  private buckets = 0;
  /** Those of the record before: mostly the next one has the same. */
  private lastOrigin: PacketOrigin | null = null;
  private captureNode = '';
  private samplingRate = 1;
  private lastBucket: TrafficBucket | null = null;

  /** The same by the second, of the last hour. */
  readonly seconds: SecondRollup;

  /**
   * @param dictionary gives sources their numbers.
   * @param now milliseconds since 1970-01-01 UTC
   */
  constructor(
    readonly dictionary: SourceDictionary,
    now: () => number = Date.now,
  ) {
    this.seconds = new SecondRollup(now);
  }

  /** Minutes by capture nodes. */
  get size(): number {
    return this.buckets;
  }

  reset(): void {
    this.nodes.clear();
    this.seconds.reset();
    this.buckets = 0;
    this.lastOrigin = null;
    this.lastBucket = null;
  }

  /** Adds rows `from … to - 1` of the block, which are packets of one origin and of the source of that number. */
  add(block: PacketBlock, from: number, to: number, source: number): void {
    if (from === to) return;
    const origin = block.origins[block.origin[from]!]!;
    if (origin !== this.lastOrigin) {
      this.lastOrigin = origin;
      this.captureNode = storable(origin.captureNode);
      this.samplingRate = Math.min(origin.samplingRate, SAMPLING_RATE_MAX);
      this.lastBucket = null;
    }
    let row = from;
    while (row < to) {
      const minute = Math.floor(block.timestamp[row]! / MINUTE_MICROS);
      if (this.lastBucket === null || this.lastBucket.startSeconds !== minute * 60) {
        this.lastBucket = this.bucket(this.captureNode, minute);
      }
      const first = row;
      row = addMinute(this.lastBucket, block, first, to, minute * MINUTE_MICROS, this.samplingRate, source);
      this.seconds.add(block, first, row, this.captureNode, this.samplingRate);
      const bit = this.dictionary.sketchBitOf(source);
      addToSketch(this.lastBucket.sketch, bit);
    }
  }

  private bucket(captureNode: string, minute: number): TrafficBucket {
    let minutes = this.nodes.get(captureNode);
    if (minutes === undefined) {
      minutes = new Map();
      this.nodes.set(captureNode, minutes);
    }
    let bucket = minutes.get(minute);
    if (bucket === undefined) {
      bucket = createBucket(1, minute * 60, captureNode);
      minutes.set(minute, bucket);
      this.buckets++;
    }
    return bucket;
  }

  /** Starts of the minutes, seconds since 1970-01-01 UTC. */
  minutes(): Set<number> {
    const starts = new Set<number>();
    for (const minutes of this.nodes.values()) for (const minute of minutes.keys()) starts.add(minute * 60);
    return starts;
  }

  /** The minutes and the hours they add up to, sorted by resolution, start and node: the order in which rows are locked. */
  collect(): TrafficBucket[] {
    const collected: TrafficBucket[] = [];
    for (const [captureNode, minutes] of this.nodes) {
      const hours = new Map<number, TrafficBucket[]>();
      for (const bucket of minutes.values()) {
        const hour = Math.floor(bucket.startSeconds / 3600) * 3600;
        const parts = hours.get(hour);
        if (parts === undefined) hours.set(hour, [bucket]);
        else parts.push(bucket);
      }
      for (const [startSeconds, parts] of hours) {
        collected.push(...parts, sum(createBucket(60, startSeconds, captureNode), parts));
      }
    }
    return collected.sort(
      (a, b) =>
        a.resolution - b.resolution ||
        a.startSeconds - b.startSeconds ||
        (a.captureNode < b.captureNode ? -1 : a.captureNode > b.captureNode ? 1 : 0),
    );
  }
}

/**
 * Adds the rows from `from` on that are within the minute, and returns where the next one begins. What a packet has in common
 * with the one before is summed up first.
 */
function addMinute(
  bucket: TrafficBucket,
  block: PacketBlock,
  from: number,
  to: number,
  startMicros: number,
  weight: number,
  source: number,
): number {
  const { timestamp, present, frameLength, etherType, ipProtocol, destinationPort, tcpFlags, failure } = block;
  const { protocols, ports, tcpFlags: flags } = bucket;
  let bytes = 0;
  let failures = 0;
  let protocol = -1;
  let protocolStart = from;
  let bytesBefore = 0;
  let row = from;
  for (; row < to; row++) {
    const sinceStart = timestamp[row]! - startMicros;
    if (sinceStart < 0 || sinceStart >= MINUTE_MICROS) break;
    const has = present[row]!;
    const length = frameLength[row]!;
    const key = protocolKey(etherType[row]!, (has & HAS_IP) === 0 ? -1 : ipProtocol[row]!);
    if (key !== protocol) {
      if (row > protocolStart) protocols.add(protocol, (row - protocolStart) * weight, (bytes - bytesBefore) * weight);
      protocol = key;
      protocolStart = row;
      bytesBefore = bytes;
    }
    bytes += length;
    if (failure[row] !== 0) failures++;
    if ((has & HAS_PORTS) !== 0) ports.add(portKey(ipProtocol[row]!, destinationPort[row]!), weight, length * weight);
    if ((has & HAS_TCP) !== 0) flags[tcpFlags[row]! & TCP_FLAGS]! += weight;
  }
  const packets = row - from;
  protocols.add(protocol, (row - protocolStart) * weight, (bytes - bytesBefore) * weight);
  bucket.sources.add(source, packets * weight, bytes * weight);
  bucket.packets += packets * weight;
  bucket.bytes += bytes * weight;
  bucket.observedPackets += packets;
  bucket.failures += failures * weight;
  return row;
}

/** Adds the parts to an empty bucket. One alone is not copied: nothing is added to it any more once sums are made. */
function sum(into: TrafficBucket, parts: readonly TrafficBucket[]): TrafficBucket {
  const [only] = parts;
  if (parts.length === 1) {
    into.protocols = only!.protocols;
    into.sources = only!.sources;
    into.ports = only!.ports;
  }
  for (const part of parts) {
    into.packets += part.packets;
    into.bytes += part.bytes;
    into.observedPackets += part.observedPackets;
    into.failures += part.failures;
    for (let flags = 0; flags <= TCP_FLAGS; flags++) into.tcpFlags[flags]! += part.tcpFlags[flags]!;
    for (let at = 0; at < SKETCH_BYTES; at++) into.sketch[at]! |= part.sketch[at]!;
    if (parts.length === 1) continue;
    into.protocols.addAll(part.protocols);
    into.sources.addAll(part.sources);
    into.ports.addAll(part.ports);
  }
  return into;
}
