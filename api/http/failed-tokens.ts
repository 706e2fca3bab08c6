/** Wrong tokens by address, so that guessing is slow and cheap to refuse. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { digestOf } from '../../runtime/process/bearer-token.js';

/** Wrong tokens an address may try before further ones are turned away, and how long they count. */
const FAILURES_MAX = 10;
const FAILURE_WINDOW_MS = 60_000;
/** Addresses remembered at a time; beyond it the oldest is forgotten, so that a flood of addresses costs bounded memory. */
const FAILING_ADDRESSES_MAX = 10_000;

interface Failures {
  count: number;
  readonly since: number;
  lastDigest: Buffer;
}

/**
 * Counts the different wrong tokens of an address; an IPv6 address counts as its /64, which one host owns whole. The
 * same wrong token again is no further guess: a script with an outdated token must not lock its user out.
 */
export class FailedTokens {
  private readonly failures = new Map<string, Failures>();

  /** Addresses remembered now. */
  get size(): number {
    return this.failures.size;
  }

  /** Seconds until a wrong token of the address is looked at again; 0 when it is now. */
  secondsToWait(address: string, now: number): number {
    const entry = this.failures.get(clientOf(address));
    if (!entry || entry.count < FAILURES_MAX) return 0;
    return Math.max(0, Math.ceil((entry.since + FAILURE_WINDOW_MS - now) / 1000));
  }

  add(address: string, authorization: string, now: number): void {
    const key = clientOf(address);
    const digest = digestOf(authorization);
    const entry = this.failures.get(key);
    if (entry && now - entry.since < FAILURE_WINDOW_MS) {
      if (!entry.lastDigest.equals(digest)) entry.count++;
      entry.lastDigest = digest;
      return;
    }
    this.failures.delete(key);
    this.failures.set(key, { count: 1, since: now, lastDigest: digest });
    if (this.failures.size > FAILING_ADDRESSES_MAX) this.failures.delete(this.failures.keys().next().value!);
  }
}

const IPV6_HOST_BITS = 64;

/** Who an address is counted as: an IPv4 address, however it is written, or the /64 of an IPv6 address. */
export function clientOf(address: string): string {
  if (isIP(address) === 4) return address;
  // A zone ("fe80::1%eth0") is no part of the address.
  const bare = address.split('%')[0]!;
  if (!ipaddr.isValid(bare)) return address;
  const parsed = ipaddr.process(bare);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${IPV6_HOST_BITS}`).toString();
}
