/** Files in MaxMind's format, version 2.0 (https://maxmind.github.io/MaxMind-DB/): a tree of 24-bit records and the data that it points to. */
import ipaddr from 'ipaddr.js';

type MmdbValue = string | number | readonly string[] | { readonly [key: string]: MmdbValue };

const POINTER_GAP = 16;
const MARKER = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');

function control(type: number, size: number): Buffer {
  if (size >= 285) throw new Error('too long for this writer');
  const rest = size < 29 ? [] : [size - 29];
  const short = Math.min(size, 29);
  return type <= 7 ? Buffer.from([(type << 5) | short, ...rest]) : Buffer.from([short, type - 7, ...rest]);
}

function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([key, item]) => [encode(key), encode(item)])]);
}

/** @param networks what the file has of each: "198.51.100.0/24", "2001:db8::/32". */
export function mmdbFile(databaseType: string, networks: Readonly<Record<string, MmdbValue>>): Buffer {
  /** Of each node what is below 0 and 1: a node's number, a place in the data as text, or nothing. */
  const nodes: [(number | string | null)?, (number | string | null)?][] = [[null, null]];
  const data: Buffer[] = [];
  let dataBytes = 0;
  for (const [network, value] of Object.entries(networks)) {
    const [address, prefix] = ipaddr.parseCIDR(network);
    // IPv4 lies at ::/96.
    const bytes = address.kind() === 'ipv4' ? [...Array(12).fill(0), ...address.toByteArray()] : address.toByteArray();
    const bits = address.kind() === 'ipv4' ? prefix + 96 : prefix;
    let node = 0;
    for (let bit = 0; bit < bits; bit++) {
      const side = ((bytes[bit >> 3]! >> (7 - (bit & 7))) & 1) as 0 | 1;
      if (bit === bits - 1) nodes[node]![side] = String(dataBytes);
      else {
        const next = nodes[node]![side];
        if (typeof next === 'number') node = next;
        else node = nodes[node]![side] = nodes.push([null, null]) - 1;
      }
    }
    const encoded = encode(value);
    data.push(encoded);
    dataBytes += encoded.length;
  }
  const tree = Buffer.alloc(6 * nodes.length);
  for (const [index, sides] of nodes.entries()) {
    for (const side of [0, 1] as const) {
      const below = sides[side];
      const record =
        typeof below === 'number' ? below : below == null ? nodes.length : nodes.length + POINTER_GAP + Number(below);
      tree.writeUIntBE(record, 6 * index + 3 * side, 3);
    }
  }
  const metadata = encode({
    node_count: nodes.length,
    record_size: 24,
    ip_version: 6,
    database_type: databaseType,
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    description: { en: 'for tests' },
  });
  return Buffer.concat([tree, Buffer.alloc(POINTER_GAP), ...data, MARKER, metadata]);
}
