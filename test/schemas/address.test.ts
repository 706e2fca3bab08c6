import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { formatAddressBytes, formatIpv4, formatIpv6, formatMac } from '../../schemas/address.js';

describe('addresses as text', () => {
  it('formats IPv4', () => {
    expect(formatIpv4(0xc0000201)).toBe('192.0.2.1');
    expect(formatIpv4(0)).toBe('0.0.0.0');
    expect(formatIpv4(0xffffffff)).toBe('255.255.255.255');
  });

  it.each([
    // RFC 5952 sections 4 and 5.
    ['20010db8000000000000000000000001', '2001:db8::1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010000000000010000000000000001', '2001:0:0:1::1'],
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
    ['00010002000300040005000600000000', '1:2:3:4:5:6::'],
  ])('formats %s as %s', (hex, text) => {
    expect(formatIpv6(Buffer.from(hex, 'hex'))).toBe(text);
  });

  it('writes an IPv6 address that parses to the same bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 16, maxLength: 16 }), (bytes) => {
        expect(ipaddr.parse(formatIpv6(Uint8Array.from(bytes))).toByteArray()).toEqual(bytes);
      }),
    );
  });

  it('formats MACs and tells addresses by their length', () => {
    expect(formatMac(Buffer.from('02005e100001', 'hex'))).toBe('02:00:5e:10:00:01');
    expect(formatAddressBytes(Buffer.from('c0000201', 'hex'))).toBe('192.0.2.1');
    expect(formatAddressBytes(Buffer.from('02005e100001', 'hex'))).toBe('02:00:5e:10:00:01');
    expect(formatAddressBytes(Buffer.alloc(16))).toBe('::');
    expect(formatAddressBytes(Buffer.alloc(0))).toBe('');
  });
});
