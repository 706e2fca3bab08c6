/**
 * Exceptions of a detector, compiled for the packet path: networks as masks, ports as a bitmap. A packet is excepted
 * when any of the entries matches it; an entry matches when all of its parts do.
 */
import type ipaddr from 'ipaddr.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, HAS_PORTS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { ipAddresses } from '../contract/ip-addresses.js';

/** What one entry of the configuration says; a part that is absent matches everything. */
export interface Exception {
  readonly sources?: readonly string[] | undefined;
  readonly targets?: readonly string[] | undefined;
  /** Destination ports. */
  readonly ports?: readonly number[] | undefined;
  readonly captureNodes?: readonly string[] | undefined;
}

/** Addresses of both families against a list of networks. */
export class NetworkList {
  private readonly ipv4: { readonly network: number; readonly mask: number }[] = [];
  private readonly ipv6: { readonly bytes: Uint8Array; readonly bits: number }[] = [];

  /** @throws Error when one is no address and no network */
  constructor(networks: readonly string[]) {
    for (const text of networks) this.add(text);
  }

  private add(text: string): void {
    const [address, bits] = parseNetwork(text);
    const bytes = address.toByteArray();
    if (bytes.length === 4) {
      const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
      const number = ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
      this.ipv4.push({ network: (number & mask) >>> 0, mask });
    } else {
      this.ipv6.push({ bytes: Uint8Array.from(bytes), bits });
    }
  }

  hasIpv4(address: number): boolean {
    for (const { network, mask } of this.ipv4) {
      if ((address & mask) >>> 0 === network) return true;
    }
    return false;
  }

  /** Sixteen bytes at `offset`. */
  hasIpv6(bytes: Uint8Array, offset: number): boolean {
    return this.ipv6.some((network) => {
      const whole = network.bits >>> 3;
      for (let i = 0; i < whole; i++) {
        if (bytes[offset + i] !== network.bytes[i]) return false;
      }
      const rest = network.bits & 7;
      return rest === 0 || (bytes[offset + whole]! ^ network.bytes[whole]!) >>> (8 - rest) === 0;
    });
  }

  /** An address of a row, `kind` and `value` as its columns have them; what is no IP address is in no network. */
  has(block: PacketBlock, kind: number, value: number): boolean {
    if (kind === ADDRESS_IPV4) return this.hasIpv4(value);
    if (kind === ADDRESS_IPV6) return this.hasIpv6(block.ipv6, value * 16);
    return false;
  }

  hasText(text: string): boolean {
    const { isValid, parse } = ipAddresses();
    if (!isValid(text)) return false;
    const bytes = parse(text).toByteArray();
    return bytes.length === 4
      ? this.hasIpv4(((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0)
      : this.hasIpv6(Uint8Array.from(bytes), 0);
  }
}

/**
 * An address with or without a prefix length.
 *
 * @throws Error with the reason
 */
export function parseNetwork(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const { IPv4, IPv6, isValidCIDR, parse, parseCIDR } = ipAddresses();
  if (text.includes('/')) {
    if (!isValidCIDR(text))
      throw new Error(`${JSON.stringify(text)} is no network, such as 192.0.2.0/24 or 2001:db8::/32`);
    return parseCIDR(text);
  }
  // ipaddr.js reads 1.2 and 0x7f000001 as addresses; in a configuration file they are mistakes
  if (!IPv4.isValidFourPartDecimal(text) && !IPv6.isValid(text)) {
    throw new Error(
      `${JSON.stringify(text)} is no address and no network, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32`,
    );
  }
  const address = parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

interface CompiledException {
  readonly sources: NetworkList | null;
  readonly targets: NetworkList | null;
  readonly ports: Uint8Array | null;
  readonly captureNodes: ReadonlySet<string> | null;
}

export class ExceptionList {
  private readonly entries: readonly CompiledException[];

  /** @throws Error when an entry names no network */
  constructor(readonly exceptions: readonly Exception[]) {
    this.entries = exceptions.map((entry) => ({
      sources: entry.sources ? new NetworkList(entry.sources) : null,
      targets: entry.targets ? new NetworkList(entry.targets) : null,
      ports: entry.ports ? portSet(entry.ports) : null,
      captureNodes: entry.captureNodes ? new Set(entry.captureNodes) : null,
    }));
  }

  matches(block: PacketBlock, row: number): boolean {
    for (const entry of this.entries) {
      if (
        (entry.ports === null ||
          ((block.present[row]! & HAS_PORTS) !== 0 && entry.ports[block.destinationPort[row]!] === 1)) &&
        (entry.sources === null || entry.sources.has(block, block.sourceKind[row]!, block.sourceAddress[row]!)) &&
        (entry.targets === null ||
          entry.targets.has(block, block.destinationKind[row]!, block.destinationAddress[row]!)) &&
        (entry.captureNodes === null || entry.captureNodes.has(block.origins[block.origin[row]!]!.captureNode))
      ) {
        return true;
      }
    }
    return false;
  }

  /** Whether everything of this source is excepted, whatever it does: entries that name nothing but sources. */
  coversSource(address: string): boolean {
    return this.entries.some(
      (entry) =>
        entry.targets === null &&
        entry.ports === null &&
        entry.captureNodes === null &&
        entry.sources?.hasText(address) === true,
    );
  }
}

/** One byte a port, 1 for those in the set. */
export function portSet(ports: readonly number[]): Uint8Array {
  const set = new Uint8Array(65_536);
  for (const port of ports) set[port] = 1;
  return set;
}
