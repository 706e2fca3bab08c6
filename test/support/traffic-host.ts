/** The stations of generated traffic. */
import { formatIpv4, formatIpv6, formatMac } from '../../schemas/address.js';
import { ipv4Number, ipv6Bytes } from './address-bytes.js';
import { internetSum } from './checksum.js';

export interface TrafficHost {
  readonly mac: Uint8Array;
  /** 192.0.2.1 = 0xc0000201. Writable: a spoofing sender changes it for each packet. */
  ipv4: number;
  readonly ipv6: Uint8Array;
  /** The part of a checksum that `ipv6` contributes. */
  readonly ipv6Sum: number;
  readonly ttl: number;
}

export interface TrafficHostOptions {
  /** "192.0.2.1" */
  readonly ipv4: string | number;
  readonly ipv6?: string | Uint8Array;
  readonly mac?: Uint8Array;
  readonly ttl?: number;
}

/** A host; its MAC (locally administered) and its IPv6 address follow from the IPv4 address when not given. */
export function trafficHost(options: TrafficHostOptions): TrafficHost {
  const ipv4 = typeof options.ipv4 === 'number' ? options.ipv4 : ipv4Number(options.ipv4);
  const ipv6 =
    typeof options.ipv6 === 'string' ? ipv6Bytes(options.ipv6) : (options.ipv6 ?? documentationAddress(ipv4));
  return {
    ipv4,
    ipv6,
    ipv6Sum: internetSum(ipv6),
    mac: options.mac ?? Uint8Array.of(0x02, 0x00, ipv4 >>> 24, (ipv4 >>> 16) & 255, (ipv4 >>> 8) & 255, ipv4 & 255),
    ttl: options.ttl ?? 64,
  };
}

/** 2001:db8::a.b.c.d, in the documentation prefix of RFC 3849. */
function documentationAddress(ipv4: number): Uint8Array {
  const address = new Uint8Array(16);
  address.set([0x20, 0x01, 0x0d, 0xb8]);
  new DataView(address.buffer).setUint32(12, ipv4);
  return address;
}

export function ipv4Text(host: TrafficHost): string {
  return formatIpv4(host.ipv4);
}

export function ipv6Text(host: TrafficHost): string {
  return formatIpv6(host.ipv6);
}

export function macText(host: TrafficHost): string {
  return formatMac(host.mac);
}
