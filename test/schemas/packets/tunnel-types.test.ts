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

/** What a tunnel is called behind packet-batch-1.avsc. */
function type1(type: TunnelType, inner: 4 | 6 = 4, outer: 4 | 6 = 4): string | undefined {
  const end = putExtra(bytes, 0, blockWith(type, inner, outer), 0);
  const reader = new AvroReader();
  reader.reset(bytes, 0, end);
  const read = new PacketBlock(1);
  readExtra(reader, read, read.addRow());
  return read.extraOf(0)?.tunnel?.type;
}

it('kinds of tunnels that schema 1 has no symbol for are called by what they are made of', () => {
  for (const type of TUNNEL_TYPES.slice(0, 6)) expect(type1(type)).toBe(type);
  expect(type1('nvgre')).toBe('gre');
  expect(type1('erspan')).toBe('gre');
  expect(type1('geneve')).toBe('vxlan');
  expect(type1('vxlan_gpe')).toBe('vxlan');
  expect(type1('teredo', 6, 4)).toBe('ip6_in_ip4');
  expect(type1('gtp_u', 4, 6)).toBe('ip4_in_ip6');
  expect(type1('gtp_u', 6, 6)).toBe('ip6_in_ip6');
  expect(type1('l2tp', 4, 4)).toBe('ip4_in_ip4');
});

it('parts by themselves keep every kind', () => {
  for (const type of TUNNEL_TYPES) {
    const parts = blockWith(type, 4, 4).extras[0]!;
    const reader = new AvroReader();
    reader.reset(bytes, 0, putRareParts(bytes, 0, parts));
    expect(readRareParts(reader)).toEqual(parts);
  }
});
