/** Addresses from text to the bytes that frames carry. */
import ipaddr from 'ipaddr.js';

/** "192.0.2.1" → four bytes. Throws on anything that is not a dotted quad. */
export function ipv4Bytes(text: string): Buffer {
  return Buffer.from(ipaddr.IPv4.parse(text).toByteArray());
}

/** "2001:db8::1" → sixteen bytes. Throws on anything that is not IPv6. */
export function ipv6Bytes(text: string): Buffer {
  return Buffer.from(ipaddr.IPv6.parse(text).toByteArray());
}

/** "192.0.2.1" → 0xc0000201. */
export function ipv4Number(text: string): number {
  return ipv4Bytes(text).readUInt32BE(0);
}

/** "02:00:00:00:00:01" → six bytes. */
export function macBytes(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll(':', ''), 'hex');
  if (bytes.length !== 6) throw new TypeError(`not a MAC address: ${text}`);
  return bytes;
}
