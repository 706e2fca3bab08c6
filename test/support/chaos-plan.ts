/**
 * What a seed makes of a round of chaos: the captures and their traffic, how each is played before it is played whole, and
 * what happens meanwhile to everything that runs. The same seed gives the same plan; only the moments at which the machine
 * gets to things differ.
 */
import { arpSpoofing, bruteForce, portScan, type ScanTechnique, synFlood } from './attack-traffic.js';
import { GATEWAY, normalTraffic } from './normal-traffic.js';
import { Random } from './random.js';
import { mergeTraffic, SECOND, TRAFFIC_START, type TrafficScript, trafficFile } from './traffic.js';
import { trafficHost } from './traffic-host.js';

/** A capture lasts about so long, so that one may be killed in the middle of it. */
const CAPTURE_SECONDS = 4;
const TECHNIQUES: readonly ScanTechnique[] = ['syn', 'connect', 'null', 'fin', 'xmas', 'udp'];

/** How a capture is played before it is played whole; what of it arrives is a matter of moments. */
export type EarlyPlay =
  | { readonly kind: 'killed'; readonly paced: boolean; readonly afterMs: number }
  | { readonly kind: 'part'; readonly share: number; readonly finish: boolean }
  | { readonly kind: 'whole'; readonly finish: boolean };

/** A capture node and its capture. */
export interface Lane {
  readonly name: string;
  readonly capture: Buffer;
  readonly early: readonly EarlyPlay[];
}

export type PartFault =
  | 'kill worker'
  | 'pause worker'
  | 'restart worker'
  | 'kill sink'
  | 'pause sink'
  | 'restart sink'
  | 'kill Postgres'
  | 'kill Kafka';

export interface Fault {
  readonly kind: PartFault;
  /** Since the one before. */
  readonly afterMs: number;
  /** How long what is paused or killed stays away. */
  readonly forMs: number;
  /** Of several parts, modulo their number. */
  readonly which: number;
}

export interface ChaosPlan {
  readonly seed: number;
  readonly partitions: number;
  readonly lanes: readonly Lane[];
  readonly faults: readonly Fault[];
  /** The topic `packets` is deleted and made again before the last plays: once all is processed, or with work left undone. */
  readonly remake: 'no' | 'calm' | 'rough';
  /** Partitions that `nta setup` adds while captures are played that are played again. */
  readonly growBy: number;
  /** How far one node of live traffic is ahead of the other, 0 for none. */
  readonly hoursAhead: number;
}

/** Kafka takes half a minute to come back on a busy machine, so only few rounds have it killed, and once. */
const KAFKA_KILLED = 0.2;

export function drawPlan(seed: number): ChaosPlan {
  const random = new Random(seed);
  const lanes = Array.from({ length: random.between(2, 3) }, (_, index) => drawLane(random, seed, index));
  const kinds: PartFault[] = Array.from({ length: random.between(2, 5) }, () =>
    random.pick([
      'kill worker',
      'pause worker',
      'restart worker',
      'kill sink',
      'pause sink',
      'restart sink',
      'kill Postgres',
    ]),
  );
  if (random.unit() < KAFKA_KILLED) kinds[random.below(kinds.length)] = 'kill Kafka';
  const faults = kinds.map((kind): Fault => {
    // Shorter and longer than the session of a group's member, which is 2 s here.
    const forMs = kind === 'kill Postgres' || kind === 'kill Kafka' ? random.below(2_000) : random.between(200, 4_000);
    return { kind, afterMs: random.between(200, 2_500), forMs, which: random.below(100) };
  });
  return {
    seed,
    partitions: random.between(2, 4),
    lanes,
    faults,
    remake: random.pick(['no', 'no', 'no', 'calm', 'rough']),
    growBy: random.below(4) === 0 ? random.between(1, 3) : 0,
    hoursAhead: random.below(2) === 0 ? random.between(1, 23) : 0,
  };
}

export function describePlan({ seed, partitions, lanes, faults, remake, growBy, hoursAhead }: ChaosPlan): string {
  const plays = lanes.map(({ name, early }) => `${name}: ${early.map(describePlay).join(', ') || 'whole only'}`);
  return [
    `seed ${seed}, ${partitions} partitions${growBy > 0 ? ` and ${growBy} more` : ''}, topic recreated: ${remake}`,
    ...plays,
    `faults: ${faults.map(({ kind, afterMs, forMs }) => `${kind} after ${afterMs} ms for ${forMs} ms`).join(', ')}`,
    `clock ahead: ${hoursAhead} h`,
  ].join('\n');
}

export function describePlay(play: EarlyPlay): string {
  if (play.kind === 'killed') return `killed after ${play.afterMs} ms${play.paced ? ' at its own speed' : ''}`;
  const finish = play.finish ? '' : ', without an end';
  return play.kind === 'part' ? `${Math.round(play.share * 100)} % of it${finish}` : `whole${finish}`;
}

function drawLane(random: Random, seed: number, index: number): Lane {
  const early = Array.from({ length: random.below(3) }, (): EarlyPlay => {
    const kind = random.below(5);
    if (kind <= 1) return { kind: 'killed', paced: true, afterMs: random.between(200, CAPTURE_SECONDS * 1_000) };
    if (kind === 2) return { kind: 'killed', paced: false, afterMs: random.below(300) };
    const finish = random.below(2) === 0;
    return kind === 3 ? { kind: 'part', share: random.unit(), finish } : { kind: 'whole', finish };
  });
  return { name: `node-${index}`, capture: drawCapture(random, seed * 10 + index), early };
}

/** Ordinary traffic with one or two attacks in it, whose sources no other capture of the round has. */
function drawCapture(random: Random, seed: number): Buffer {
  const background = normalTraffic({ seed, packetsPerSecond: random.between(20, 120), clients: 10, servers: 10 });
  const attacks = Array.from({ length: random.between(1, 2) }, (_, index) => drawAttack(random, seed, index));
  return trafficFile(mergeTraffic(background, ...attacks), { until: TRAFFIC_START + CAPTURE_SECONDS * SECOND });
}

function drawAttack(random: Random, seed: number, index: number): TrafficScript {
  const attacker = trafficHost({ ipv4: 0x0a640000 + ((seed * 4 + index) % 0xffff) });
  const target = trafficHost({ ipv4: 0x0ac80000 + ((seed * 4 + index) % 0xffff) });
  // A second apart by the microsecond, so that no two alerts of a round have the same moment.
  const start = TRAFFIC_START + random.between(1, SECOND);
  switch (random.below(7)) {
    case 0:
      return synFlood({
        start,
        source: attacker,
        target,
        packets: random.between(110, 250),
        packetsPerSecond: 90,
        seed,
      });
    case 1:
      return synFlood({
        start,
        source: 'spoofed',
        target,
        packets: random.between(320, 500),
        packetsPerSecond: 180,
        seed,
      });
    case 2:
      return bruteForce({ start, attacker, target, port: random.pick([22, 3389]), attempts: 24, interval: 110_000 });
    case 3:
      return arpSpoofing({ start, attacker, gateway: GATEWAY, victim: target, replies: 14, interval: 180_000 });
    default: {
      const ports = Array.from({ length: random.between(12, 40) }, (_, port) => 20 + port * random.between(1, 40));
      return portScan({
        start,
        attacker,
        targets: [target],
        ports: [...new Set(ports)],
        openPorts: ports.filter(() => random.below(6) === 0),
        technique: random.pick(TECHNIQUES),
        version: random.below(4) === 0 ? 6 : 4,
        interval: random.between(20_000, 70_000),
      });
    }
  }
}
