import { expect, it } from 'vitest';
import { AvroReader } from '../../../schemas/packets/avro-bytes.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  PacketBlock,
  TUNNEL_TYPES,
  type TunnelType,
} from '../../../schemas/packets/packet-block.js';
import {
  EXTRA_BYTES_MAX,
  putExtra,
  putRareParts,
  readExtra,
  readRareParts,
} from '../../../schemas/packets/packet-extra-codec.js';

const bytes = Buffer.alloc(EXTRA_BYTES_MAX);

function blockWith(type: TunnelType, inner: 4 | 6, outer: 4 | 6): PacketBlock {
  const block = new PacketBlock(1);
  const row = block.addRow();
  block.sourceKind[row] = outer === 4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
  const address = new Uint8Array(inner === 4 ? 4 : 16);
  const ends = { source: address, destination: address, ipProtocol: null, sourcePort: null, destinationPort: null };
  block.setRareParts(row, { arp: null, neighborDiscovery: null, tunnel: { type, layer: 'inner', id: 1, ...ends } });
  return block;
}

it('rows keep every kind', () => {
  for (const type of TUNNEL_TYPES) {
    const block = blockWith(type, 6, 4);
    const reader = new AvroReader();
    reader.reset(bytes, 0, putExtra(bytes, 0, block, 0));
    const read = new PacketBlock(1);
    readExtra(reader, read, read.addRow());
    expect(read.extraOf(0)).toEqual(block.extraOf(0));
  }
});

it('parts by themselves keep every kind', () => {
  for (const type of TUNNEL_TYPES) {
    const parts = blockWith(type, 4, 4).extras[0]!;
    const reader = new AvroReader();
    reader.reset(bytes, 0, putRareParts(bytes, 0, parts));
    expect(readRareParts(reader)).toEqual(parts);
  }
});
