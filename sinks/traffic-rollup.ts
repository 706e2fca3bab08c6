/** Statistics of the packets of one transaction, by minute and capture node, before they are added to the tables. */
import {
  HAS_IP,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from '../schemas/packet-block.js';
import { storable } from './origin-dictionary.js';
import { addToSketch, SKETCH_BYTES } from './source-sketch.js';

export interface Tally {
  packets: number;
  bytes: number;
}

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
  tcpFin: number;
  tcpSyn: number;
  tcpRst: number;
  tcpPsh: number;
  tcpAck: number;
  tcpUrg: number;
  tcpSynOnly: number;
  failures: number;
  /** By protocolKey. */
  readonly protocols: Map<number, Tally>;
  /** By record key. */
  readonly sources: Map<string, Tally>;
  /** By portKey. */
  readonly ports: Map<number, Tally>;
  readonly sketch: Uint8Array;
}

export const protocolKey = (etherType: number, ipProtocol: number): number => etherType * 512 + ipProtocol + 1;
export const protocolOf = (key: number): [etherType: number, ipProtocol: number] => [
  Math.floor(key / 512),
  (key % 512) - 1,
];
export const portKey = (ipProtocol: number, port: number): number => ipProtocol * 65_536 + port;
export const portOf = (key: number): [ipProtocol: number, port: number] => [key >>> 16, key & 0xffff];

function createBucket(resolution: number, startSeconds: number, captureNode: string): TrafficBucket {
  return {
    resolution,
    startSeconds,
    captureNode,
    packets: 0,
    bytes: 0,
    observedPackets: 0,
    tcpFin: 0,
    tcpSyn: 0,
    tcpRst: 0,
    tcpPsh: 0,
    tcpAck: 0,
    tcpUrg: 0,
    tcpSynOnly: 0,
    failures: 0,
    protocols: new Map(),
    sources: new Map(),
    ports: new Map(),
    sketch: new Uint8Array(SKETCH_BYTES),
  };
}

const MINUTE_MICROS = 60_000_000;
/** A sampling rate beyond this is an error of the sender; scaled by it, sums would leave the range of bigint. */
const SAMPLING_RATE_MAX = 1_000_000;

export class TrafficRollup {
  private readonly nodes = new Map<string, Map<number, TrafficBucket>>();
  private buckets = 0;

  /** Minutes by capture nodes. */
  get size(): number {
    return this.buckets;
  }

  reset(): void {
    this.nodes.clear();
    this.buckets = 0;
  }

  /** Adds rows `from … to - 1` of the block, which are packets of one source and one origin. */
  add(block: PacketBlock, from: number, to: number, source: string): void {
    if (from === to) return;
    const origin = block.origins[block.origin[from]!]!;
    const captureNode = storable(origin.captureNode);
    const samplingRate = Math.min(origin.samplingRate, SAMPLING_RATE_MAX);
    let bucket: TrafficBucket | null = null;
    let start = 0;
    let sourceTally: Tally | null = null;
    let protocol = -1;
    let protocolTally: Tally | null = null;
    for (let row = from; row < to; row++) {
      const micros = block.timestamp[row]!;
      if (bucket === null || micros < start || micros >= start + MINUTE_MICROS) {
        const minute = Math.floor(micros / MINUTE_MICROS);
        start = minute * MINUTE_MICROS;
        bucket = this.bucket(captureNode, minute);
        sourceTally = tally(bucket.sources, source);
        addToSketch(bucket.sketch, source);
        protocol = -1;
      }
      const present = block.present[row]!;
      const bytes = block.frameLength[row]! * samplingRate;
      const key = protocolKey(block.etherType[row]!, (present & HAS_IP) === 0 ? -1 : block.ipProtocol[row]!);
      if (key !== protocol) {
        protocol = key;
        protocolTally = tally(bucket.protocols, key);
      }
      bucket.packets += samplingRate;
      bucket.bytes += bytes;
      bucket.observedPackets++;
      sourceTally!.packets += samplingRate;
      sourceTally!.bytes += bytes;
      protocolTally!.packets += samplingRate;
      protocolTally!.bytes += bytes;
      if (block.failure[row] !== 0) bucket.failures += samplingRate;
      if ((present & HAS_PORTS) !== 0) {
        const portTally = tally(bucket.ports, portKey(block.ipProtocol[row]!, block.destinationPort[row]!));
        portTally.packets += samplingRate;
        portTally.bytes += bytes;
      }
      if ((present & HAS_TCP) !== 0) countFlags(bucket, block.tcpFlags[row]!, samplingRate);
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
    for (const minutes of this.nodes.values()) {
      const hours = new Map<number, TrafficBucket>();
      for (const bucket of minutes.values()) {
        collected.push(bucket);
        const startSeconds = Math.floor(bucket.startSeconds / 3600) * 3600;
        let hour = hours.get(startSeconds);
        if (hour === undefined) {
          hour = createBucket(60, startSeconds, bucket.captureNode);
          hours.set(startSeconds, hour);
          collected.push(hour);
        }
        merge(hour, bucket);
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

function countFlags(bucket: TrafficBucket, flags: number, weight: number): void {
  if ((flags & TCP_ACK) !== 0) bucket.tcpAck += weight;
  if ((flags & TCP_PSH) !== 0) bucket.tcpPsh += weight;
  if ((flags & TCP_SYN) !== 0) {
    bucket.tcpSyn += weight;
    if ((flags & TCP_ACK) === 0) bucket.tcpSynOnly += weight;
  }
  if ((flags & TCP_FIN) !== 0) bucket.tcpFin += weight;
  if ((flags & TCP_RST) !== 0) bucket.tcpRst += weight;
  if ((flags & TCP_URG) !== 0) bucket.tcpUrg += weight;
}

function tally<K>(tallies: Map<K, Tally>, key: K): Tally {
  let found = tallies.get(key);
  if (found === undefined) {
    found = { packets: 0, bytes: 0 };
    tallies.set(key, found);
  }
  return found;
}

function merge(into: TrafficBucket, from: TrafficBucket): void {
  into.packets += from.packets;
  into.bytes += from.bytes;
  into.observedPackets += from.observedPackets;
  into.tcpFin += from.tcpFin;
  into.tcpSyn += from.tcpSyn;
  into.tcpRst += from.tcpRst;
  into.tcpPsh += from.tcpPsh;
  into.tcpAck += from.tcpAck;
  into.tcpUrg += from.tcpUrg;
  into.tcpSynOnly += from.tcpSynOnly;
  into.failures += from.failures;
  mergeTallies(into.protocols, from.protocols);
  mergeTallies(into.sources, from.sources);
  mergeTallies(into.ports, from.ports);
  for (let i = 0; i < SKETCH_BYTES; i++) into.sketch[i]! |= from.sketch[i]!;
}

function mergeTallies<K>(into: Map<K, Tally>, from: ReadonlyMap<K, Tally>): void {
  for (const [key, { packets, bytes }] of from) {
    const sum = tally(into, key);
    sum.packets += packets;
    sum.bytes += bytes;
  }
}
