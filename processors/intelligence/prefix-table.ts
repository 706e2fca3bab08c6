/**
 * Networks of both families, asked for the longest prefix that holds an address. IPv4: the networks cut the line of all addresses into
 * intervals, each with the narrowest network over it, so that an answer is one binary search in an Uint32Array (of 500,000 networks
 * 0.4 µs for addresses at random). IPv6: a map for each length that occurs, the longest first.
 */
import { ADDRESS_IPV4, ADDRESS_IPV6 } from '../../schemas/packets/packet-block.js';

export interface Network<T> {
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  readonly bits: number;
  readonly value: T;
}

export class PrefixTable<T> {
  /** Where intervals begin, ascending, and what holds there; -1 for nothing. */
  private readonly starts: Uint32Array;
  private readonly holders: Int32Array;
  private readonly values: readonly T[];
  private readonly ipv6: readonly { readonly bits: number; readonly networks: ReadonlyMap<string, T> }[];

  constructor(networks: readonly Network<T>[]) {
    const ipv4 = networks.filter(({ bytes }) => bytes.length === 4).map(intervalOf);
    ipv4.sort((a, b) => a.from - b.from || b.to - a.to);
    const { starts, holders } = cut(ipv4);
    this.starts = Uint32Array.from(starts);
    this.holders = Int32Array.from(holders);
    this.values = ipv4.map(({ value }) => value);
    this.ipv6 = byLength(networks.filter(({ bytes }) => bytes.length === 16));
  }

  /** The value of the longest prefix; undefined where none holds the address. */
  findIpv4(address: number): T | undefined {
    const { starts } = this;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    const holder = low === 0 ? -1 : this.holders[low - 1]!;
    return holder < 0 ? undefined : this.values[holder];
  }

  /** Sixteen bytes at `offset`. */
  findIpv6(bytes: Uint8Array, offset: number): T | undefined {
    for (const { bits, networks } of this.ipv6) {
      const found = networks.get(maskedKey(bytes, offset, bits));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** An address slot of a conversation (conversation-block.ts). */
  findSlot(slots: Uint8Array, at: number): T | undefined {
    if (slots[at] === ADDRESS_IPV4) {
      const number = (slots[at + 1]! << 24) | (slots[at + 2]! << 16) | (slots[at + 3]! << 8) | slots[at + 4]!;
      return this.findIpv4(number >>> 0);
    }
    return slots[at] === ADDRESS_IPV6 ? this.findIpv6(slots, at + 1) : undefined;
  }
}

interface Interval<T> {
  readonly from: number;
  readonly to: number;
  readonly value: T;
}

function intervalOf<T>({ bytes, bits, value }: Network<T>): Interval<T> {
  const address = ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
  const size = 2 ** (32 - bits);
  const from = Math.floor(address / size) * size;
  return { from, to: from + size - 1, value };
}

/** Networks lie within each other or apart, so a stack of those that are open says which is the narrowest. */
function cut<T>(sorted: readonly Interval<T>[]): { readonly starts: number[]; readonly holders: number[] } {
  const starts: number[] = [];
  const holders: number[] = [];
  const open: number[] = [];
  const begin = (start: number, holder: number): void => {
    if (starts.at(-1) === start) holders[holders.length - 1] = holder;
    else {
      starts.push(start);
      holders.push(holder);
    }
  };
  const closeUntil = (limit: number): void => {
    for (;;) {
      const top = open.at(-1);
      if (top === undefined || sorted[top]!.to >= limit) return;
      open.pop();
      const { to } = sorted[top]!;
      if (to < 0xffff_ffff) begin(to + 1, open.at(-1) ?? -1);
    }
  };
  sorted.forEach(({ from }, index) => {
    closeUntil(from);
    begin(from, index);
    open.push(index);
  });
  closeUntil(Number.POSITIVE_INFINITY);
  return { starts, holders };
}

function byLength<T>(
  networks: readonly Network<T>[],
): { readonly bits: number; readonly networks: ReadonlyMap<string, T> }[] {
  const lengths = new Map<number, Map<string, T>>();
  for (const { bytes, bits, value } of networks) {
    const own = lengths.get(bits) ?? new Map<string, T>();
    own.set(maskedKey(bytes, 0, bits), value);
    lengths.set(bits, own);
  }
  return [...lengths].sort(([a], [b]) => b - a).map(([bits, own]) => ({ bits, networks: own }));
}

function maskedKey(bytes: Uint8Array, offset: number, bits: number): string {
  const whole = bits >>> 3;
  let key = '';
  for (let i = 0; i < whole; i++) key += String.fromCharCode(bytes[offset + i]!);
  const rest = bits & 7;
  return rest === 0 ? key : key + String.fromCharCode(bytes[offset + whole]! & (0xff << (8 - rest)));
}
