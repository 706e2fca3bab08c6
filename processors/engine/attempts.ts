/**
 * Attempts to begin a conversation whose outcome is not known yet, by their source. An opening packet waits for the row that
 * says what became of it, at most `wait` of event time: no answer by then is "unanswered", and a later one changes nothing,
 * so the outcome does not depend on how rows are batched. A SYN that was answered waits once more: when its sender leaves
 * it at that, it is half-open.
 */
import type { AttemptOutcome } from '../contract/watch.js';
import type { KeyTable } from './key-table.js';

/** Attempts waiting at once; beyond, the oldest are given up without a verdict. A flood of 100,000 SYN/s for the wait. */
const WAITING_MAX = 131_072;
const TCP = 6;

export interface Waiting {
  readonly slot: number;
  /** Of the key that has the slot. */
  readonly serial: number;
  readonly key: number;
  readonly time: number;
  /** When it is settled unless a row says otherwise, µs. */
  due: number;
  readonly targetKey: number;
  /** An IPv6 address; of IPv4 it is in `targetKey`. */
  readonly target: Uint8Array | null;
  /** Kind of the opening packet, a bit of packet-kind.ts. */
  readonly kind: number;
  readonly ipProtocol: number;
  readonly port: number;
  readonly sourcePort: number;
  readonly ttl: number;
  readonly node: number;
  /** Serial of its timeline: each has a queue, since a replay may stand still while others go on. */
  readonly run: number;
  /** A SYN that was answered. */
  answered: boolean;
  settled: boolean;
  next: Waiting | null;
}

interface Queue {
  /** In the order of arrival, which is that of `due` but for what was answered and for disorder. */
  attempts: Waiting[];
  head: number;
}

export class Attempts {
  private readonly byKey = new Map<number, Waiting>();
  private readonly queues = new Map<number, Queue>();
  private readonly first = new Map<number, Waiting>();
  private readonly last = new Map<number, Waiting>();

  constructor(
    private readonly keys: KeyTable,
    private readonly settle: (attempt: Waiting, outcome: AttemptOutcome) => void,
  ) {}

  get bytes(): number {
    return this.byKey.size * 250;
  }

  get size(): number {
    return this.byKey.size;
  }

  /** Begins to wait, unless the same attempt is waiting. */
  begin(attempt: Omit<Waiting, 'key' | 'serial' | 'answered' | 'settled' | 'next'>): void {
    const { slot } = attempt;
    const serial = this.keys.serial[slot]!;
    const key = attemptKey(serial, attempt.targetKey, attempt.ipProtocol, attempt.port, attempt.sourcePort);
    if (this.byKey.has(key)) return;
    if (this.byKey.size >= WAITING_MAX) this.giveUpOldest();
    // written out: a spread costs as much as all the rest
    this.append({
      slot,
      serial,
      key,
      time: attempt.time,
      due: attempt.due,
      targetKey: attempt.targetKey,
      target: attempt.target,
      kind: attempt.kind,
      ipProtocol: attempt.ipProtocol,
      port: attempt.port,
      sourcePort: attempt.sourcePort,
      ttl: attempt.ttl,
      node: attempt.node,
      run: attempt.run,
      answered: false,
      settled: false,
      next: null,
    });
  }

  /** The attempt that a row speaks of. */
  find(slot: number, targetKey: number, ipProtocol: number, port: number, sourcePort: number): Waiting | undefined {
    const attempt = this.byKey.get(attemptKey(this.keys.serial[slot]!, targetKey, ipProtocol, port, sourcePort));
    return attempt?.slot === slot ? attempt : undefined;
  }

  /** A row says what became of an attempt at `time`. */
  outcome(attempt: Waiting, outcome: 'answered' | 'refused' | 'unseen', time: number, wait: number): void {
    if (attempt.answered) {
      // reset after its answer: by its sender, who so has completed it in his way
      if (outcome !== 'answered') this.remove(attempt);
      return;
    }
    if (time > attempt.time + wait) return;
    this.remove(attempt);
    this.settle(attempt, outcome);
    if (outcome === 'answered' && attempt.ipProtocol === TCP) {
      this.append({ ...attempt, due: time + wait, answered: true, settled: false, next: null });
    }
  }

  /** Its sender went on: the connection is whole. */
  complete(attempt: Waiting): void {
    if (attempt.answered) this.remove(attempt);
  }

  /** When the earliest attempt of a key is due; ∞ when there is none. */
  dueOf(slot: number): number {
    return this.firstOf(slot)?.due ?? Number.POSITIVE_INFINITY;
  }

  /** Settles what of a key was due before `time`. */
  settleBefore(slot: number, time: number): void {
    for (let attempt = this.firstOf(slot); attempt !== null && attempt.due < time; attempt = this.firstOf(slot)) {
      this.expire(attempt);
    }
  }

  /** Settles what of a timeline is due by the clock of its capture node. */
  settleDue(run: number, clockOf: (node: number) => number): void {
    const queue = this.queues.get(run);
    if (queue === undefined) return;
    while (queue.head < queue.attempts.length) {
      const attempt = queue.attempts[queue.head]!;
      if (!attempt.settled) {
        if (this.keys.serial[attempt.slot] !== attempt.serial) this.remove(attempt);
        else if (attempt.due < clockOf(attempt.node)) this.expire(attempt);
        else break;
      }
      queue.head++;
    }
    compact(queue);
  }

  /** Settles all of a timeline: nothing more will come. */
  settleAll(run: number): void {
    for (let queue = this.queues.get(run); queue !== undefined; queue = this.queues.get(run)) {
      this.queues.delete(run); // an attempt that is settled may begin another
      for (const attempt of queue.attempts.slice(queue.head)) {
        if (attempt.settled) continue;
        if (this.keys.serial[attempt.slot] !== attempt.serial) this.remove(attempt);
        else this.expire(attempt);
      }
    }
  }

  /** Forgets those of a key, without a verdict. */
  forget(slot: number): void {
    for (let attempt = this.firstOf(slot); attempt !== null; attempt = this.firstOf(slot)) this.remove(attempt);
  }

  private expire(attempt: Waiting): void {
    this.remove(attempt);
    this.settle(attempt, attempt.answered ? 'half-open' : 'unanswered');
  }

  private append(attempt: Waiting): void {
    const { slot } = attempt;
    this.byKey.set(attempt.key, attempt);
    let queue = this.queues.get(attempt.run);
    if (queue === undefined) {
      queue = { attempts: [], head: 0 };
      this.queues.set(attempt.run, queue);
    }
    queue.attempts.push(attempt);
    const last = this.last.get(slot);
    if (last === undefined) this.first.set(slot, attempt);
    else last.next = attempt;
    this.last.set(slot, attempt);
    if (attempt.due < this.keys.due[slot]!) this.keys.due[slot] = attempt.due;
  }

  private remove(attempt: Waiting): void {
    if (attempt.settled) return;
    attempt.settled = true;
    if (this.byKey.get(attempt.key) === attempt) this.byKey.delete(attempt.key);
    this.firstOf(attempt.slot);
  }

  /** The first attempt of a key that is not settled; those before it are let go. */
  private firstOf(slot: number): Waiting | null {
    let attempt = this.first.get(slot);
    if (attempt === undefined) return null;
    if (!attempt.settled) return attempt;
    while (attempt?.settled === true) attempt = attempt.next ?? undefined;
    if (attempt === undefined) {
      this.first.delete(slot);
      this.last.delete(slot);
      return null;
    }
    this.first.set(slot, attempt);
    return attempt;
  }

  private giveUpOldest(): void {
    for (const attempt of this.byKey.values()) {
      this.remove(attempt);
      return;
    }
  }
}

function compact(queue: Queue): void {
  if (queue.head < 4096 || queue.head * 2 < queue.attempts.length) return;
  queue.attempts = queue.attempts.slice(queue.head);
  queue.head = 0;
}

/** A number that tells attempts apart: 53 bits of hash. */
function attemptKey(serial: number, targetKey: number, ipProtocol: number, port: number, sourcePort: number): number {
  const high = Math.floor(targetKey / 0x1_0000_0000);
  let a = Math.imul(serial ^ 0x9e3779b9, 0x85ebca6b) ^ (targetKey | 0);
  a = Math.imul(a ^ (a >>> 15), 0xc2b2ae35) ^ ((port << 16) | sourcePort);
  a = Math.imul(a ^ (a >>> 13), 0x27d4eb2f) ^ (ipProtocol + high);
  a ^= a >>> 16;
  let b = Math.imul(a ^ serial, 0x9e3779b1) ^ Math.imul(port + 1, 0x85ebca6b);
  b = Math.imul(b ^ (b >>> 14), 0xc2b2ae35) ^ (targetKey | 0) ^ (sourcePort << 8);
  b ^= b >>> 15;
  return (a >>> 0) * 0x20_0000 + (b >>> 11);
}
