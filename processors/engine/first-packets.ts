/**
 * The first packet of a source that counts, until a second one comes: a flood of forged sources sends one of each, and to make
 * windows of them, and to keep what became of its attempt, was two thirds of what they took. It says which rules counted
 * it and as what, and is put into windows (`unfold`) before anything else looks at windows of its source; what comes of it
 * is the same.
 */
import type { AddressPool } from './address-pool.js';
import { type Attempts, FAILURE_FIRST, NO_ATTEMPT } from './attempts.js';
import type { CompiledRule, RuleAt } from './compiled-rule.js';
import { grown, nextCapacity, reservedFor } from './growth.js';
import { type KeyTable, NONE } from './key-table.js';
import { ipv6Key } from './sighting-target.js';
import { CELL_FAILED, type StateBudget } from './window-shape.js';
import { TARGET_IPV6, type WindowStore } from './window-store.js';

/** Where packets are put when a second one comes. */
interface Windows extends StateBudget {
  readonly keys: KeyTable;
  readonly windows: WindowStore;
  readonly addresses: AddressPool;
  readonly attempts: Attempts;
  windowOf(slot: number, key: number): number;
}

/** Rules that a first packet can be kept for, one bit each; what others count goes into windows at once. */
const RULES_MAX = 16;
/** In `failure`: none; its attempt was not answered, or refused. */
const UNANSWERED = 1;
const REFUSED = 2;

const BYTES_PER_ENTRY = 34;
const CAPACITY_AT_FIRST = 1024;

export class FirstPackets {
  private time = new Float64Array(0);
  /** What the rules of `counted` count it as but those of `zeros`, which count it as 0. */
  private value = new Uint32Array(0);
  /** Of a free entry the number of the next one. */
  private target = new Uint32Array(0);
  private targetKind = new Uint8Array(0);
  private node = new Uint16Array(0);
  private port = new Uint16Array(0);
  /** Bits of rules: those that counted it, those that counted it as 0, and those that know what became of its attempt. */
  private counted = new Uint16Array(0);
  private zeros = new Uint16Array(0);
  private marked = new Uint16Array(0);
  /** What became of its attempt, a flag of window-shape.ts without the bits below. */
  private flag = new Uint8Array(0);
  /** Its attempt, where that is the first failure of the source. */
  private failure = new Uint8Array(0);
  private ttl = new Uint8Array(0);
  private ipProtocol = new Uint8Array(0);
  private sourcePort = new Uint16Array(0);
  private kind = new Uint16Array(0);
  private run = new Uint32Array(0);
  private capacity = 0;
  private reserved = 0;
  private used = 0;
  private free = NONE;
  /** Rules that have a bit. */
  private rules: readonly RuleAt[] = [];

  /** Columns begin with nothing and grow at once, for the reason that WindowStore gives. */
  constructor(private readonly state: Windows) {
    this.growTo(CAPACITY_AT_FIRST);
    this.free = NONE;
  }

  get bytes(): number {
    return this.capacity * BYTES_PER_ENTRY;
  }

  /** Gives bits to rules: those whose windows a rebuild fills again, and that no one packet fills. */
  compile(rules: readonly RuleAt[]): void {
    this.rules = rules
      .filter(({ rule }) => rule.watcher === null && !rule.durable && rule.shape.threshold > 1)
      .slice(0, RULES_MAX);
    for (const [bit, { rule }] of this.rules.entries()) rule.firstBit = 1 << bit;
  }

  /** Keeps a packet of a source that has none and no windows, which no rule has counted yet. */
  begin(slot: number, time: number, target: number, targetKind: number, port: number, node: number): void {
    const entry = this.take();
    this.time[entry] = time;
    this.value[entry] = 0;
    this.target[entry] = target;
    this.targetKind[entry] = targetKind;
    this.port[entry] = port;
    this.node[entry] = node;
    this.counted[entry] = 0;
    this.zeros[entry] = 0;
    this.marked[entry] = 0;
    this.flag[entry] = 0;
    this.failure[entry] = 0;
    this.state.keys.first[slot] = entry;
  }

  /** A rule counts the packet as `value`; false when that cannot be kept here. */
  count(slot: number, rule: CompiledRule, value: number): boolean {
    const entry = this.state.keys.first[slot]!;
    const bit = rule.firstBit;
    if (bit === 0) return false;
    if (value === 0) this.zeros[entry]! |= bit;
    else {
      const known = this.value[entry]!;
      if (value !== value >>> 0 || (known !== 0 && known !== value)) return false;
      this.value[entry] = value;
    }
    this.counted[entry]! |= bit;
    return true;
  }

  /** Notes what became of an attempt, as `markOutcome` does; false when it has to be noted in windows. */
  mark(slot: number, rule: CompiledRule, port: number, time: number, flag: number): boolean {
    const entry = this.state.keys.first[slot]!;
    const bit = rule.firstBit;
    if ((this.counted[entry]! & bit) === 0 || this.time[entry]! < time) return true;
    if (rule.perPort && this.port[entry] !== port) return true;
    if (rule.shape.distinct ? this.valueOf(entry, bit) !== port : this.time[entry] !== time) return true;
    const said = flag / CELL_FAILED;
    if (this.flag[entry] !== 0 && this.flag[entry] !== said) return false;
    this.flag[entry] = said;
    this.marked[entry]! |= bit;
    return true;
  }

  /** Keeps a waiting attempt that has failed as the first failure of the source; false when it is not that of its first packet. */
  keepFailure(slot: number, attempt: number, isRefused: boolean): boolean {
    const entry = this.state.keys.first[slot]!;
    const { attempts } = this.state;
    if (this.time[entry] !== attempts.time[attempt] || this.port[entry] !== attempts.port[attempt]) return false;
    if (this.node[entry] !== attempts.node[attempt] || this.targetKey(entry) !== attempts.targetKey[attempt])
      return false;
    this.failure[entry] = isRefused ? REFUSED : UNANSWERED;
    this.ttl[entry] = attempts.ttl[attempt]!;
    this.ipProtocol[entry] = attempts.ipProtocol[attempt]!;
    this.sourcePort[entry] = attempts.sourcePort[attempt]!;
    this.kind[entry] = attempts.kind[attempt]!;
    this.run[entry] = attempts.run[attempt]!;
    return true;
  }

  /** Puts the packet into windows, and its failure among attempts. */
  unfold(slot: number): void {
    const { keys, windows, addresses } = this.state;
    const entry = keys.first[slot]!;
    const target = this.target[entry]!;
    const targetKind = this.targetKind[entry]!;
    keys.first[slot] = NONE;
    for (const { rule, index } of this.rules) {
      const bit = rule.firstBit;
      if ((this.counted[entry]! & bit) === 0) continue;
      const window = this.state.windowOf(slot, ((index << 16) | (rule.perPort ? this.port[entry]! : 0)) >>> 0);
      if (targetKind === TARGET_IPV6) addresses.retain(target);
      const value = this.valueOf(entry, bit);
      windows.add(window, rule.shape, this.time[entry]!, value, target, targetKind, this.node[entry]!);
      if ((this.marked[entry]! & bit) !== 0) windows.cellTag[windows.tail[window]!]! |= this.flag[entry]! * CELL_FAILED;
    }
    if (keys.failure[slot] === FAILURE_FIRST) this.unfoldFailure(slot, entry);
    this.release(entry);
  }

  /** Forgets the packet of a source that has one. */
  forget(slot: number): void {
    const { keys } = this.state;
    const entry = keys.first[slot]!;
    if (entry === NONE) return;
    keys.first[slot] = NONE;
    this.release(entry);
  }

  private unfoldFailure(slot: number, entry: number): void {
    const { attempts, addresses } = this.state;
    const target = this.target[entry]!;
    const isIpv6 = this.targetKind[entry] === TARGET_IPV6;
    if (isIpv6) addresses.retain(target);
    const attempt = attempts.take();
    attempts.slot[attempt] = slot;
    attempts.time[attempt] = this.time[entry]!;
    attempts.targetKey[attempt] = this.targetKey(entry);
    attempts.address[attempt] = isIpv6 ? target : NO_ATTEMPT;
    attempts.kind[attempt] = this.kind[entry]!;
    attempts.ipProtocol[attempt] = this.ipProtocol[entry]!;
    attempts.port[attempt] = this.port[entry]!;
    attempts.sourcePort[attempt] = this.sourcePort[entry]!;
    attempts.ttl[attempt] = this.ttl[entry]!;
    attempts.node[attempt] = this.node[entry]!;
    attempts.run[attempt] = this.run[entry]!;
    attempts.keepFailure(attempt, this.failure[entry] === REFUSED);
  }

  private valueOf(entry: number, bit: number): number {
    return (this.zeros[entry]! & bit) !== 0 ? 0 : this.value[entry]!;
  }

  private targetKey(entry: number): number {
    const target = this.target[entry]!;
    return this.targetKind[entry] === TARGET_IPV6 ? ipv6Key(this.state.addresses.bytes, target * 16) : target;
  }

  private take(): number {
    const { state } = this;
    while (this.free === NONE && this.used === this.capacity) {
      const capacity = nextCapacity(this.capacity);
      if (state.mayGrow((capacity - this.capacity) * BYTES_PER_ENTRY) || !state.evict()) this.growTo(capacity);
    }
    const entry = this.free;
    if (entry === NONE) return this.used++;
    this.free = this.target[entry]! | 0;
    return entry;
  }

  private release(entry: number): void {
    if (this.targetKind[entry] === TARGET_IPV6) this.state.addresses.release(this.target[entry]!);
    this.target[entry] = this.free;
    this.free = entry;
  }

  private growTo(capacity: number): void {
    this.capacity = capacity;
    if (capacity <= this.reserved) return;
    this.reserved = reservedFor(capacity);
    this.time = grown(this.time, this.reserved);
    this.value = grown(this.value, this.reserved);
    this.target = grown(this.target, this.reserved);
    this.targetKind = grown(this.targetKind, this.reserved);
    this.node = grown(this.node, this.reserved);
    this.port = grown(this.port, this.reserved);
    this.counted = grown(this.counted, this.reserved);
    this.zeros = grown(this.zeros, this.reserved);
    this.marked = grown(this.marked, this.reserved);
    this.flag = grown(this.flag, this.reserved);
    this.failure = grown(this.failure, this.reserved);
    this.ttl = grown(this.ttl, this.reserved);
    this.ipProtocol = grown(this.ipProtocol, this.reserved);
    this.sourcePort = grown(this.sourcePort, this.reserved);
    this.kind = grown(this.kind, this.reserved);
    this.run = grown(this.run, this.reserved);
  }
}
