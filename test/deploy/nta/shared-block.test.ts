import { describe, expect, it } from 'vitest';
import { createSharedColumns, readShared, sharedBlock, writeShared } from '../../../deploy/nta/shared-block.js';
import type { Application } from '../../../schemas/packets/application.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  PacketBlock,
  type PacketOrigin,
  type RareParts,
} from '../../../schemas/packets/packet-block.js';

const ORIGIN: PacketOrigin = {
  captureNode: 'edge-1',
  interface: 'eth0',
  linkType: 1,
  timeline: 'analyze-0',
  sampling: 'none',
  samplingRate: 1,
};
const NO_PARTS: RareParts = { arp: null, neighborDiscovery: null, tunnel: null };
const APPLICATION: Application = {
  protocol: 'dns',
  dnsQuery: 'example.org',
  dnsType: 28,
  tlsServerName: null,
  httpHost: null,
  dhcpMessageType: null,
  dhcpHostname: null,
};
const MAC_A = Uint8Array.of(2, 0, 0, 0, 0, 1);
const MAC_B = Uint8Array.of(2, 0, 0, 0, 0, 2);

/** What crosses beside the columns: every kind of it, and what may be absent of each. */
const PARTS: readonly RareParts[] = [
  {
    ...NO_PARTS,
    arp: {
      operation: 2,
      senderMac: MAC_A,
      senderAddress: Uint8Array.of(192, 0, 2, 1),
      targetMac: MAC_B,
      targetAddress: Uint8Array.of(192, 0, 2, 2),
    },
  },
  { ...NO_PARTS, neighborDiscovery: { target: new Uint8Array(16).fill(7), linkLayerAddress: MAC_B } },
  { ...NO_PARTS, neighborDiscovery: { target: new Uint8Array(16).fill(8), linkLayerAddress: new Uint8Array(0) } },
  {
    ...NO_PARTS,
    tunnel: {
      type: 'vxlan',
      layer: 'inner',
      id: 0xff_ffff,
      source: Uint8Array.of(198, 51, 100, 1),
      destination: new Uint8Array(16).fill(9),
      ipProtocol: 6,
      sourcePort: 40_000,
      destinationPort: 443,
    },
  },
  {
    ...NO_PARTS,
    tunnel: {
      type: 'gre',
      layer: 'outer',
      id: null,
      source: new Uint8Array(0),
      destination: new Uint8Array(0),
      ipProtocol: null,
      sourcePort: null,
      destinationPort: null,
    },
  },
];

function filledBlock(): PacketBlock {
  const block = new PacketBlock(16);
  const origin = block.originIndex(ORIGIN);
  for (const [index, parts] of PARTS.entries()) {
    const plain = block.addRow();
    block.timestamp[plain] = 1_700_000_000_000_000 + index;
    block.origin[plain] = origin;
    block.sourceKind[plain] = ADDRESS_IPV4;
    block.sourceAddress[plain] = 0xc000_0200 + index;
    const row = block.addRow();
    block.origin[row] = origin;
    block.sourceKind[row] = ADDRESS_IPV6;
    block.sourceAddress[row] = block.addIpv6(new Uint8Array(16).fill(index + 1), 0);
    block.setExtra(row, { ...parts, application: index === 3 ? APPLICATION : null });
  }
  return block;
}

describe('a block that two threads see', () => {
  it('has the same rows on the other side, with all that stands beside the columns, as often as it is used', () => {
    const columns = createSharedColumns(new PacketBlock(16));
    const received = sharedBlock(columns);
    for (let time = 0; time < 2; time++) {
      const block = filledBlock();
      // As a message does.
      readShared(received, structuredClone(writeShared(block, columns)));
      expect(received.count).toBe(block.count);
      expect(received.origins).toEqual([ORIGIN]);
      expect(received.extras).toEqual(PARTS);
      for (let row = 0; row < block.count; row++) {
        expect(received.timestamp[row]).toBe(block.timestamp[row]);
        expect(received.sourceKind[row]).toBe(block.sourceKind[row]);
        expect(received.sourceAddress[row]).toBe(block.sourceAddress[row]);
        expect(received.extraOf(row)).toEqual(block.extraOf(row));
      }
      expect(received.ipv6.subarray(0, received.ipv6Count * 16)).toEqual(block.ipv6.subarray(0, block.ipv6Count * 16));
    }
  });
});
