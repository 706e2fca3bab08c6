/**
 * Attempts to begin a conversation whose outcome is not known yet, by their source. An opening packet waits for the row that
 * says what became of it, at most `wait` of event time: no answer by then is "unanswered", and a later one changes nothing,
 * so the outcome does not depend on how rows are batched. A SYN that was answered waits once more: when its sender leaves
 * it at that, it is half-open.
 *
 * Entries of typed columns, found through chains of a hash but for a key's first, which the key leads to: an object and three maps an attempt were a microsecond each and most of
 * what a flood of forged sources cost. An entry that is settled goes at once; one may be kept as its source's first failure.
 */
import type { AttemptOutcome } from '../contract/watch.js';
import type { AddressPool } from './address-pool.js';
import { grown, nextCapacity } from './growth.js';
import type { KeyTable } from './key-table.js';

/** Attempts waiting at once; beyond, the oldest are given up without a verdict. A flood of 100,000 SYN/s for the wait. */
const WAITING_MAX = 131_072;
const TCP = 6;
const REFUSED = 2;

export const NO_ATTEMPT = -1;
/** In `hashNext` of an entry that no chain has: it came when its key had no other, so it is the key's first as long as it waits. */
const NOT_CHAINED = -2;
/** Of a key (`KeyTable.failure`): watchers have seen its first failure. */
export const FAILURE_SHOWN = -2;
/** The first failure is the attempt of the key's first packet (first-packets.ts). */
export const FAILURE_FIRST = -3;

const BYTES_PER_ENTRY = 79;
const CAPACITY_AT_FIRST = 256;
const BUCKETS_AT_FIRST = 512;

/** The attempts of a timeline in the order of arrival, which is that of `due` but for what was answered and for disorder. */
interface Queue {
  head: number;
  tail: number;
}

export class Attempts {
  slot = new Int32Array(0);
  time = new Float64Array(0);
  /** When it is settled unless a row says otherwise, µs. */
  due = new Float64Array(0);
  targetKey = new Float64Array(0);
  /** Entry of an IPv6 target in the address pool; of IPv4 the address is in `targetKey`. */
  address = new Int32Array(0);
  /** Kind of the opening packet, a bit of packet-kind.ts. */
  kind = new Uint16Array(0);
  ipProtocol = new Uint8Array(0);
  port = new Uint16Array(0);
  sourcePort = new Uint16Array(0);
  ttl = new Uint8Array(0);
  node = new Uint16Array(0);
  /** Serial of its timeline: each has a queue, since a replay may stand still while others go on. */
  run = new Uint32Array(0);
  /** 1: a SYN that was answered; 2: kept as a failure that was refused, not left unanswered. */
  private answered = new Uint8Array(0);
  /** Orders the entries of all queues. */
  private sequence = new Float64Array(0);
  private hashNext = new Int32Array(0);
  private keyNext = new Int32Array(0);
  private keyBefore = new Int32Array(0);
  private queueNext = new Int32Array(0);
  private queueBefore = new Int32Array(0);
  private buckets = new Int32Array(0);
  private capacity = 0;
  private used = 0;
  private free = NO_ATTEMPT;
  private waiting = 0;
  private sequences = 0;
  private readonly queues = new Map<number, Queue>();
  private lastRun = -1;
  private lastQueue: Queue | null = null;

  constructor(
    private readonly keys: KeyTable,
    private readonly addresses: AddressPool,
    private readonly settle: (entry: number, outcome: AttemptOutcome) => void,
  ) {
    this.growTo(CAPACITY_AT_FIRST);
    this.buckets = new Int32Array(BUCKETS_AT_FIRST).fill(NO_ATTEMPT);
    this.free = NO_ATTEMPT;
  }

  get bytes(): number {
    return this.capacity * BYTES_PER_ENTRY + this.buckets.length * 4;
  }

  get size(): number {
    return this.waiting;
  }

  /** Begins to wait, unless the same attempt is waiting. `ipv6` has the target's address where it is one of IPv6. */
  begin(
    slot: number,
    time: number,
    due: number,
    kind: number,
    targetKey: number,
    ipv6: Uint8Array | null,
    ipv6Offset: number,
    ipProtocol: number,
    port: number,
    sourcePort: number,
    ttl: number,
    node: number,
    run: number,
  ): void {
    if (this.find(slot, targetKey, ipProtocol, port, sourcePort) !== NO_ATTEMPT) return;
    if (this.waiting >= WAITING_MAX) this.giveUpOldest();
    const entry = this.take();
    this.slot[entry] = slot;
    this.time[entry] = time;
    this.targetKey[entry] = targetKey;
    this.address[entry] = ipv6 === null ? NO_ATTEMPT : this.addresses.hold(ipv6, ipv6Offset);
    this.kind[entry] = kind;
    this.ipProtocol[entry] = ipProtocol;
    this.port[entry] = port;
    this.sourcePort[entry] = sourcePort;
    this.ttl[entry] = ttl;
    this.node[entry] = node;
    this.run[entry] = run;
    this.append(entry, due, 0);
  }

  /** The waiting attempt that a row speaks of, or `NO_ATTEMPT`. */
  find(slot: number, targetKey: number, ipProtocol: number, port: number, sourcePort: number): number {
    const first = this.keys.attempt[slot]!;
    if (first === NO_ATTEMPT || this.is(first, slot, targetKey, ipProtocol, port, sourcePort)) return first;
    if (this.keyNext[first] === NO_ATTEMPT) return NO_ATTEMPT;
    let entry = this.buckets[attemptHash(slot, targetKey, ipProtocol, port, sourcePort) & (this.buckets.length - 1)]!;
    while (entry !== NO_ATTEMPT && !this.is(entry, slot, targetKey, ipProtocol, port, sourcePort))
      entry = this.hashNext[entry]!;
    return entry;
  }

  private is(entry: number, slot: number, key: number, protocol: number, port: number, source: number): boolean {
    if (this.slot[entry] !== slot || this.targetKey[entry] !== key || this.port[entry] !== port) return false;
    return this.sourcePort[entry] === source && this.ipProtocol[entry] === protocol;
  }

  /** A row says what became of an attempt at `time`. */
  outcome(entry: number, outcome: 'answered' | 'refused' | 'unseen', time: number, wait: number): void {
    if (this.answered[entry] === 1) {
      // reset after its answer: by its sender, who so has completed it in his way
      if (outcome !== 'answered') this.drop(entry);
      return;
    }
    if (time > this.time[entry]! + wait) return;
    this.unlink(entry);
    this.settle(entry, outcome);
    if (outcome === 'answered' && this.ipProtocol[entry] === TCP) this.append(entry, time + wait, 1);
    else this.letGo(entry);
  }

  /** Its sender went on: the connection is whole. */
  complete(entry: number): void {
    if (this.answered[entry] === 1) this.drop(entry);
  }

  /** When the earliest attempt of a key is due; ∞ when there is none. */
  dueOf(slot: number): number {
    const first = this.keys.attempt[slot]!;
    return first === NO_ATTEMPT ? Number.POSITIVE_INFINITY : this.due[first]!;
  }

  /** Settles what of a key was due before `time`. */
  settleBefore(slot: number, time: number): void {
    for (
      let entry = this.keys.attempt[slot]!;
      entry !== NO_ATTEMPT && this.due[entry]! < time;
      entry = this.keys.attempt[slot]!
    ) {
      this.expire(entry);
    }
  }

  /** Settles what of a timeline is due by the clock of its capture node. */
  settleDue(run: number, clockOf: (node: number) => number): void {
    const queue = this.queues.get(run);
    if (queue === undefined) return;
    let node = -1;
    let clock = 0;
    for (let entry = queue.head; entry !== NO_ATTEMPT; entry = queue.head) {
      if (this.node[entry] !== node) {
        node = this.node[entry]!;
        clock = clockOf(node);
      }
      if (this.due[entry]! >= clock) return;
      this.expire(entry);
    }
  }

  /** Settles all of a timeline: nothing more will come. */
  settleAll(run: number): void {
    const queue = this.queues.get(run);
    if (queue === undefined) return;
    for (let entry = queue.head; entry !== NO_ATTEMPT; entry = queue.head) this.expire(entry);
    this.queues.delete(run);
    this.lastRun = -1;
  }

  /** Forgets those of a key, without a verdict, and its first failure. */
  forget(slot: number): void {
    this.forgetWaiting(slot);
    this.forgetFailure(slot);
  }

  /** Forgets those of a key, without a verdict. */
  forgetWaiting(slot: number): void {
    for (let entry = this.keys.attempt[slot]!; entry !== NO_ATTEMPT; entry = this.keys.attempt[slot]!) this.drop(entry);
  }

  /** Keeps an entry that does not wait as the first failure of its key. */
  keepFailure(entry: number, isRefused: boolean): void {
    this.keys.failure[this.slot[entry]!] = entry;
    this.answered[entry] = isRefused ? REFUSED : 0;
  }

  /** Shows the first failure of a key that has one, and gives it up. */
  showFailure(slot: number, show: (entry: number, outcome: AttemptOutcome) => void): void {
    const entry = this.keys.failure[slot]!;
    this.keys.failure[slot] = FAILURE_SHOWN;
    if (entry < 0) return;
    show(entry, this.answered[entry] === REFUSED ? 'refused' : 'unanswered');
    this.release(entry);
  }

  forgetFailure(slot: number): void {
    const entry = this.keys.failure[slot]!;
    this.keys.failure[slot] = NO_ATTEMPT;
    if (entry >= 0) this.release(entry);
  }

  private expire(entry: number): void {
    this.unlink(entry);
    this.settle(entry, this.answered[entry] === 1 ? 'half-open' : 'unanswered');
    this.letGo(entry);
  }

  private drop(entry: number): void {
    this.unlink(entry);
    this.release(entry);
  }

  /** Gives an entry up that has been settled, unless it was kept. */
  private letGo(entry: number): void {
    if (this.keys.failure[this.slot[entry]!] !== entry) this.release(entry);
  }

  private giveUpOldest(): void {
    let oldest = NO_ATTEMPT;
    for (const { head } of this.queues.values()) {
      if (head === NO_ATTEMPT) continue;
      if (oldest === NO_ATTEMPT || this.sequence[head]! < this.sequence[oldest]!) oldest = head;
    }
    if (oldest !== NO_ATTEMPT) this.drop(oldest);
  }

  private append(entry: number, due: number, answered: number): void {
    const { keys } = this;
    const slot = this.slot[entry]!;
    this.due[entry] = due;
    this.answered[entry] = answered;
    this.sequence[entry] = ++this.sequences;
    if (++this.waiting > this.buckets.length) this.rehash();
    const last = keys.lastAttempt[slot]!;
    if (last === NO_ATTEMPT) this.hashNext[entry] = NOT_CHAINED;
    else this.linkHash(entry);
    const queue = this.queueOf(this.run[entry]!);
    this.queueNext[entry] = NO_ATTEMPT;
    this.queueBefore[entry] = queue.tail;
    if (queue.tail === NO_ATTEMPT) queue.head = entry;
    else this.queueNext[queue.tail] = entry;
    queue.tail = entry;
    this.keyNext[entry] = NO_ATTEMPT;
    this.keyBefore[entry] = last;
    if (last === NO_ATTEMPT) keys.attempt[slot] = entry;
    else this.keyNext[last] = entry;
    keys.lastAttempt[slot] = entry;
    if (due < keys.due[slot]!) keys.due[slot] = due;
  }

  private unlink(entry: number): void {
    const { keys } = this;
    const slot = this.slot[entry]!;
    this.waiting--;
    if (this.hashNext[entry] !== NOT_CHAINED) this.unlinkHash(entry);
    const queue = this.queueOf(this.run[entry]!);
    const queueBefore = this.queueBefore[entry]!;
    const queueNext = this.queueNext[entry]!;
    if (queueBefore === NO_ATTEMPT) queue.head = queueNext;
    else this.queueNext[queueBefore] = queueNext;
    if (queueNext === NO_ATTEMPT) queue.tail = queueBefore;
    else this.queueBefore[queueNext] = queueBefore;
    const before = this.keyBefore[entry]!;
    const next = this.keyNext[entry]!;
    if (before === NO_ATTEMPT) keys.attempt[slot] = next;
    else this.keyNext[before] = next;
    if (next === NO_ATTEMPT) keys.lastAttempt[slot] = before;
    else this.keyBefore[next] = before;
  }

  private queueOf(run: number): Queue {
    if (run === this.lastRun) return this.lastQueue!;
    let queue = this.queues.get(run);
    if (queue === undefined) {
      queue = { head: NO_ATTEMPT, tail: NO_ATTEMPT };
      this.queues.set(run, queue);
    }
    this.lastRun = run;
    this.lastQueue = queue;
    return queue;
  }

  /** An entry that waits for nothing yet. */
  take(): number {
    const entry = this.free;
    if (entry !== NO_ATTEMPT) {
      this.free = this.hashNext[entry]!;
      return entry;
    }
    if (this.used === this.capacity) this.growTo(nextCapacity(this.capacity));
    return this.used++;
  }

  private release(entry: number): void {
    const address = this.address[entry]!;
    if (address !== NO_ATTEMPT) this.addresses.release(address);
    this.hashNext[entry] = this.free;
    this.free = entry;
  }

  private bucketOf(entry: number): number {
    const hash = attemptHash(
      this.slot[entry]!,
      this.targetKey[entry]!,
      this.ipProtocol[entry]!,
      this.port[entry]!,
      this.sourcePort[entry]!,
    );
    return hash & (this.buckets.length - 1);
  }

  private linkHash(entry: number): void {
    const bucket = this.bucketOf(entry);
    this.hashNext[entry] = this.buckets[bucket]!;
    this.buckets[bucket] = entry;
  }

  private unlinkHash(entry: number): void {
    const bucket = this.bucketOf(entry);
    if (this.buckets[bucket] === entry) {
      this.buckets[bucket] = this.hashNext[entry]!;
      return;
    }
    let before = this.buckets[bucket]!;
    while (this.hashNext[before] !== entry) before = this.hashNext[before]!;
    this.hashNext[before] = this.hashNext[entry]!;
  }

  private rehash(): void {
    const before = this.buckets;
    this.buckets = new Int32Array(before.length * 2).fill(NO_ATTEMPT);
    for (const { head } of this.queues.values()) {
      for (let entry = head; entry !== NO_ATTEMPT; entry = this.queueNext[entry]!) {
        if (this.hashNext[entry] !== NOT_CHAINED) this.linkHash(entry);
      }
    }
  }

  private growTo(capacity: number): void {
    this.slot = grown(this.slot, capacity);
    this.time = grown(this.time, capacity);
    this.due = grown(this.due, capacity);
    this.targetKey = grown(this.targetKey, capacity);
    this.address = grown(this.address, capacity);
    this.kind = grown(this.kind, capacity);
    this.ipProtocol = grown(this.ipProtocol, capacity);
    this.port = grown(this.port, capacity);
    this.sourcePort = grown(this.sourcePort, capacity);
    this.ttl = grown(this.ttl, capacity);
    this.node = grown(this.node, capacity);
    this.run = grown(this.run, capacity);
    this.answered = grown(this.answered, capacity);
    this.sequence = grown(this.sequence, capacity);
    this.hashNext = grown(this.hashNext, capacity);
    this.keyNext = grown(this.keyNext, capacity);
    this.keyBefore = grown(this.keyBefore, capacity);
    this.queueNext = grown(this.queueNext, capacity);
    this.queueBefore = grown(this.queueBefore, capacity);
    this.capacity = capacity;
  }
}

function attemptHash(slot: number, targetKey: number, ipProtocol: number, port: number, sourcePort: number): number {
  let h = Math.imul(slot ^ 0x9e3779b9, 0x85ebca6b) ^ (targetKey | 0);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ ((port << 16) | sourcePort);
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f) ^ ipProtocol;
  return h ^ (h >>> 16);
}
