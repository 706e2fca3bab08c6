import { describe, expect, it } from 'vitest';
import type { Application } from '../../../schemas/packets/application.js';
import type { PacketExtra } from '../../../schemas/packets/packet-block.js';
import { packetDetails, storableJson } from '../../../sinks/packets/packet-details.js';

const NOTHING: PacketExtra = { arp: null, neighborDiscovery: null, application: null, tunnel: null };
const application = (fields: Partial<Application>): PacketExtra => ({
  ...NOTHING,
  application: {
    protocol: 'dns',
    dnsQuery: null,
    dnsType: null,
    tlsServerName: null,
    httpHost: null,
    dhcpMessageType: null,
    dhcpHostname: null,
    ...fields,
  },
});
const read = (extra: PacketExtra): unknown => JSON.parse(packetDetails(extra));

describe('packetDetails', () => {
  it('is empty when there is nothing to say', () => {
    expect(packetDetails(NOTHING)).toBe('');
  });

  it('leaves out what is absent', () => {
    expect(read(application({ dnsQuery: 'a.example', dnsType: 1 }))).toEqual({ dns: { query: 'a.example', type: 1 } });
    expect(read(application({ protocol: 'tls', tlsServerName: 'b.example' }))).toEqual({
      tls: { server_name: 'b.example' },
    });
    expect(read(application({ protocol: 'http', httpHost: 'c.example' }))).toEqual({ http: { host: 'c.example' } });
    expect(read(application({ protocol: 'dhcp', dhcpMessageType: 1 }))).toEqual({ dhcp: { message_type: 1 } });
  });

  it('writes addresses as text', () => {
    const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);
    const target = new Uint8Array(16).fill(0);
    target[15] = 1;
    expect(
      read({
        arp: {
          operation: 1,
          senderMac: mac(1),
          senderAddress: Uint8Array.of(10, 0, 0, 1),
          targetMac: mac(0),
          targetAddress: Uint8Array.of(10, 0, 0, 2),
        },
        neighborDiscovery: { target, linkLayerAddress: new Uint8Array(0) },
        application: null,
        tunnel: {
          type: 'vxlan',
          layer: 'inner',
          id: 42,
          source: Uint8Array.of(10, 0, 0, 3),
          destination: new Uint8Array(0),
          ipProtocol: 6,
          sourcePort: null,
          destinationPort: 443,
        },
      }),
    ).toEqual({
      arp: { sender_mac: '02:00:00:00:00:01', target_mac: '02:00:00:00:00:00' },
      neighbor_discovery: { target: '::1' },
      tunnel: { type: 'vxlan', layer: 'inner', id: 42, source: '10.0.0.3', ip_protocol: 6, destination_port: 443 },
    });
  });
});

describe('storableJson', () => {
  it('replaces what jsonb refuses and nothing else', () => {
    expect(JSON.parse(storableJson({ a: 'x\0y' }))).toEqual({ a: 'x\ufffdy' });
    expect(JSON.parse(storableJson({ a: '\ud800 \udc00' }))).toEqual({ a: '\ufffd \ufffd' });
    expect(JSON.parse(storableJson({ a: '\\u0000 \\\\u0000 \u0001 😀' }))).toEqual({
      a: '\\u0000 \\\\u0000 \u0001 😀',
    });
  });
});
