import { expect, test } from 'vitest';
import { nearestName } from '../../../schemas/tables/nearest.js';
import { PACKET_FIELD_NAMES } from '../../../schemas/tables/packet-fields.js';

test.each([
  ['sorce', 'source'],
  ['souce_port', 'source_port'],
  ['Source', 'source'],
  ['src', 'source'],
  ['dst', 'destination'],
  ['dst_port', 'destination_port'],
  ['dport', 'destination_port'],
  ['sport', 'source_port'],
  ['dst-mac', 'destination_mac'],
  ['proto', 'protocol'],
  ['tcpflags', 'tcp_flags'],
  ['captureNode', 'capture_node'],
  ['prot', 'protocol'],
  ['completely_else', null],
  ['x'.repeat(10_000), null],
])('%s → %s', (name, expected) => {
  expect(nearestName(name, PACKET_FIELD_NAMES)).toBe(expected);
});
