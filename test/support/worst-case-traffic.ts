/** Traffic that is hardest for the pipeline, for the benchmarks; endless, at a given rate. */
import { TCP_ACK } from '../../schemas/packets/packet-block.js';
import { synFlood } from './attack-traffic.js';
import { NO_PAYLOAD, trafficPayload } from './packet-writer.js';
import { SECOND, TRAFFIC_START, type TrafficScript } from './traffic.js';
import { type TrafficHost, trafficHost } from './traffic-host.js';

export interface WorstCaseOptions {
  readonly start?: number;
  readonly packetsPerSecond: number;
}

const TARGET = trafficHost({ ipv4: '192.0.2.80' });

/** Every packet has a source of its own (until 2³² are used up): no grouping by source saves anything. */
export function* distinctSources(options: WorstCaseOptions): TrafficScript {
  const source = trafficHost({ ipv4: 0 });
  // Multiplying by an odd number visits every 32-bit value once.
  yield* acknowledgments(options, source, (sent) => Math.imul(sent + 1, 0x9e3779b1) >>> 0);
}

/** All packets have one source: one key, one partition, one worker. */
export function* oneSource(options: WorstCaseOptions): TrafficScript {
  const source = trafficHost({ ipv4: '192.0.2.10' });
  yield* acknowledgments(options, source, () => source.ipv4);
}

/** The smallest frames of Ethernet (64 bytes with the checksum that captures leave out) from `sources` sources in turn. */
export function* smallestFrames(options: WorstCaseOptions & { readonly sources?: number }): TrafficScript {
  const source = trafficHost({ ipv4: 0 });
  const sources = options.sources ?? 1000;
  yield* acknowledgments(options, source, (sent) => 0x0a000001 + (sent % sources));
}

/** SYNs from random addresses, a million a minute by default: more sources than any state budget should hold. */
export function spoofedFlood(options: Partial<WorstCaseOptions> & { readonly seed?: number } = {}): TrafficScript {
  return synFlood({
    start: options.start ?? TRAFFIC_START,
    source: 'spoofed',
    target: TARGET,
    packetsPerSecond: options.packetsPerSecond ?? 1_000_000 / 60,
    seed: options.seed ?? 1,
  });
}

/** Full-sized segments between `sources` sources and one server: the most bytes a packet. */
export function* largestFrames(options: WorstCaseOptions & { readonly sources?: number }): TrafficScript {
  const source = trafficHost({ ipv4: 0 });
  const sources = options.sources ?? 1000;
  yield* acknowledgments(
    options,
    source,
    (sent) => 0x0a000001 + (sent % sources),
    trafficPayload(Buffer.alloc(1460, 1)),
  );
}

function* acknowledgments(
  options: WorstCaseOptions,
  source: TrafficHost,
  address: (sent: number) => number,
  payload = NO_PAYLOAD,
): TrafficScript {
  const start = options.start ?? TRAFFIC_START;
  const gap = SECOND / options.packetsPerSecond;
  for (let sent = 0; ; sent++) {
    const time = Math.floor(start + sent * gap);
    source.ipv4 = address(sent);
    const writer = yield time;
    writer.tcp(time, 4, source, TARGET, 40000 + (sent % 1000), 443, TCP_ACK, (sent * 1460) >>> 0, 1, payload);
  }
}
