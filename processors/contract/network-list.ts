/** Networks and ports as the packet path asks for them: networks as masks, ports as a table of 65,536 entries. */
import type ipaddr from 'ipaddr.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { ipAddresses } from './ip-addresses.js';

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

/** One byte a port, 1 for those in the set. */
export function portSet(ports: readonly number[]): Uint8Array {
  const set = new Uint8Array(65_536);
  for (const port of ports) set[port] = 1;
  return set;
}
