/**
 * Partitions whose next records cannot be read: damaged on the broker's disk, or compressed in a way that nothing here
 * reads. Nothing behind them may be read either, or they would be passed over in silence; so each is left alone and tried
 * again now and then, while the others go on. It is over once the records are mended, or deleted by someone.
 */
import { Failure } from '../process/failure.js';
import { GrowingDelay } from '../process/growing-delay.js';
import type { Logger } from '../process/log.js';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

interface HeldPartition {
  readonly delay: GrowingDelay;
  reason: string;
  resume: () => void;
  timer: NodeJS.Timeout;
}

export class UnreadablePartitions {
  private readonly held = new Map<string, HeldPartition>();

  /** @param onCount called with how many there are, whenever that changes. */
  constructor(
    private readonly onCount: (partitions: number) => void,
    private readonly log: Logger,
  ) {}

  /** Why something cannot be read, or null when everything can. */
  get reason(): string | null {
    const [first] = this.held.values();
    return first?.reason ?? null;
  }

  has(topic: string, partition: number): boolean {
    return this.held.has(`${topic}/${partition}`);
  }

  /** To be called with the partition paused; `resume` lets its records come again. */
  hold(topic: string, partition: number, failure: Failure, resume: () => void): void {
    const name = `${topic}/${partition}`;
    const known = this.held.get(name);
    clearTimeout(known?.timer);
    const delay = known?.delay ?? new GrowingDelay(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    const timer = setTimeout(resume, delay.next());
    this.held.set(name, { delay, reason: failure.message, resume, timer });
    if (known?.reason !== failure.message)
      this.log.error({ topic, partition, code: failure.code }, `the partition waits: ${failure.message}`);
    if (known === undefined) this.onCount(this.held.size);
  }

  /** To be called when records of the partition have been read. */
  read(topic: string, partition: number): void {
    if (this.held.size === 0) return;
    const name = `${topic}/${partition}`;
    const known = this.held.get(name);
    if (known === undefined) return;
    clearTimeout(known.timer);
    this.held.delete(name);
    this.onCount(this.held.size);
    this.log.info({ topic, partition }, 'the partition can be read again');
  }

  /** For a new assignment: all are tried at once. */
  forget(): void {
    const resumes = [...this.held.values()].map(({ timer, resume }) => {
      clearTimeout(timer);
      return resume;
    });
    this.held.clear();
    this.onCount(0);
    for (const resume of resumes) resume();
  }
}

/** Whether this is why records of a partition cannot be read. */
export function isUnreadable(error: unknown): error is Failure {
  return error instanceof Failure && (error.code === 'KAFKA_RECORDS' || error.code === 'KAFKA_COMPRESSION');
}
