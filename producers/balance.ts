/**
 * The balance of a capture node, by interface: what was seen is published or counted by cause, and nothing else. Hot
 * paths add to plain numbers; Prometheus reads them when it asks.
 *
 *     seen = published + spooled + kernel_dropped + decode_failed + filtered + sampled_out + duplicate + spool_dropped + refused
 *
 * holds once nothing is in memory any more (`pending` is 0).
 */
import { Counter, Gauge, type Registry } from '../runtime/process/metrics.js';

/** Why a packet that was seen is not on the topic. */
export const DROP_REASONS = [
  /** The kernel had no room for it: the engine reads too slowly, or `--kernel-buffer-size` is too small. */
  'kernel_dropped',
  /** No source could be found in the frame, so no key either; by cause in `decodeFailed`. */
  'decode_failed',
  /** It did not match `--packet-filter`. Live, the kernel filters before anyone counts. */
  'filtered',
  /** Left out by `--sample` or `--sample-flows`. */
  'sampled_out',
  /** A copy of a packet that the node has seen on another way within `--dedupe-window`. */
  'duplicate',
  /** The spool was full, could not be written or read back, or there is none and Kafka is away. */
  'spool_dropped',
  /** The broker refuses the record for good, such as one beyond its size limit. */
  'refused',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** The counts of one interface or file, cumulative since the node started. */
export class InterfaceCounts {
  /** Frames handed over by the engine or read from the file, and what the kernel dropped before that. */
  seen = 0;
  bytes = 0;
  published = 0;
  /** In the spool, from this run or an earlier one. */
  spooled = 0;
  /** Of `seen`: found in the spool of an earlier run. */
  recovered = 0;
  readonly dropped: Record<DropReason, number> = {
    kernel_dropped: 0,
    decode_failed: 0,
    filtered: 0,
    sampled_out: 0,
    duplicate: 0,
    spool_dropped: 0,
    refused: 0,
  };
  /** Frames by what could not be decoded of them; those with a source are published all the same. */
  readonly decodeFailures = new Map<string, number>();
  /** Of `dropped.decode_failed`, by reason. */
  readonly decodeFailed = new Map<string, number>();

  constructor(readonly name: string) {}
}

export interface CaptureBalance {
  readonly seen: number;
  readonly published: number;
  readonly spooled: number;
  readonly recovered: number;
  /** Seen and neither published, spooled nor dropped yet: in memory. 0 after a run that lost nothing. */
  readonly pending: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** `dropped.decode_failed` by reason. */
  readonly decodeFailed: Readonly<Record<string, number>>;
  /** Every frame that was not decoded whole, by reason, published or not. */
  readonly decodeFailures: Readonly<Record<string, number>>;
}

export class Balance {
  private readonly interfaces = new Map<string, InterfaceCounts>();

  constructor(registry: Registry) {
    this.register(registry);
  }

  of(name: string): InterfaceCounts {
    let counts = this.interfaces.get(name);
    if (counts === undefined) {
      counts = new InterfaceCounts(name);
      this.interfaces.set(name, counts);
    }
    return counts;
  }

  all(): IterableIterator<InterfaceCounts> {
    return this.interfaces.values();
  }

  total(): CaptureBalance {
    const sum = new InterfaceCounts('');
    for (const counts of this.all()) {
      sum.seen += counts.seen;
      sum.published += counts.published;
      sum.spooled += counts.spooled;
      sum.recovered += counts.recovered;
      for (const reason of DROP_REASONS) sum.dropped[reason] += counts.dropped[reason];
      for (const [reason, frames] of counts.decodeFailed) add(sum.decodeFailed, reason, frames);
      for (const [reason, frames] of counts.decodeFailures) add(sum.decodeFailures, reason, frames);
    }
    const { seen, published, spooled, recovered, dropped } = sum;
    const settled = DROP_REASONS.reduce((frames, reason) => frames + dropped[reason], published + spooled);
    return {
      seen,
      published,
      spooled,
      recovered,
      pending: seen - settled,
      dropped,
      decodeFailed: Object.fromEntries(sum.decodeFailed),
      decodeFailures: Object.fromEntries(sum.decodeFailures),
    };
  }

  private register(registry: Registry): void {
    const interfaces = this.interfaces;
    const counter = (name: string, help: string, read: (counts: InterfaceCounts) => number): void => {
      new Counter({
        name: `nta_capture_${name}_total`,
        help,
        labelNames: ['interface'],
        registers: [registry],
        collect() {
          this.reset();
          for (const counts of interfaces.values()) this.inc({ interface: counts.name }, read(counts));
        },
      });
    };
    counter('packets_seen', 'Frames on the wire or in the file, with those the kernel dropped', (of) => of.seen);
    counter('bytes_seen', 'Bytes on the wire of the frames handed over', (of) => of.bytes);
    counter('packets_published', 'Packets that Kafka has acknowledged', (of) => of.published);
    counter('packets_recovered', 'Packets found in the spool of an earlier run', (of) => of.recovered);
    new Gauge({
      name: 'nta_capture_packets_spooled',
      help: 'Packets waiting in the spool',
      labelNames: ['interface'],
      registers: [registry],
      collect() {
        this.reset();
        for (const counts of interfaces.values()) this.set({ interface: counts.name }, counts.spooled);
      },
    });
    new Counter({
      name: 'nta_capture_packets_dropped_total',
      help: 'Packets that are not on the topic, by reason',
      labelNames: ['interface', 'reason'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { name, dropped } of interfaces.values()) {
          for (const reason of DROP_REASONS) this.inc({ interface: name, reason }, dropped[reason]);
        }
      },
    });
    new Counter({
      name: 'nta_capture_decode_failures_total',
      help: 'Frames that could not be decoded whole, by reason; those with a source are published',
      labelNames: ['interface', 'reason'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { name, decodeFailures } of interfaces.values()) {
          for (const [reason, frames] of decodeFailures) this.inc({ interface: name, reason }, frames);
        }
      },
    });
  }
}

/** Adds to a count by reason. */
export function add(counts: Map<string, number>, reason: string, frames: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + frames);
}
