/** Scapy: what most people write first, a loop in Python over the packets of a capture. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchContext } from './bench.js';
import type { Yardstick } from './figure.js';
import type { Input } from './inputs.js';
import { Pipeline } from './pipeline.js';
import { TOOLS_FOLDER, timeRun } from './yardsticks.js';

const MODULES = ['scapy.utils', 'psycopg'] as const;
const PACKAGES = ['scapy==2.6.1', 'psycopg[binary]==3.2.9'] as const;
const DECODED_PACKETS = 20_000;
const STORED_PACKETS = 5_000;
const ABSENT = 'not installed, and pip could not install Scapy and psycopg.';

const DECODE_PROGRAM = `
import sys, time
from scapy.utils import PcapReader
import scapy.layers.l2, scapy.layers.inet, scapy.layers.inet6, scapy.layers.dns
limit = int(sys.argv[2]); count = 0; start = time.perf_counter()
for packet in PcapReader(sys.argv[1]):
    count += 1
    if count == limit: break
print(count / (time.perf_counter() - start))
`;

const STORE_PROGRAM = `
import sys, time, psycopg
from scapy.utils import PcapReader
from scapy.layers.l2 import Ether
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
limit = int(sys.argv[2]); count = 0
with psycopg.connect(autocommit=True) as database:
    start = time.perf_counter()
    for packet in PcapReader(sys.argv[1]):
        network = packet.getlayer(IP) or packet.getlayer(IPv6)
        transport = packet.getlayer(TCP) or packet.getlayer(UDP)
        database.execute(
            'INSERT INTO scapy VALUES (to_timestamp(%s), %s, %s, %s, %s, %s)',
            (float(packet.time), network and network.src, network and network.dst,
             transport and transport.sport, transport and transport.dport, packet.wirelen))
        count += 1
        if count == limit: break
    print(count / (time.perf_counter() - start))
`;

/** Packets a second of a capture file to objects of Python. */
export async function scapyToObjects({ scale }: BenchContext, input: Input): Promise<Yardstick> {
  const name = 'Scapy PcapReader';
  const python = findScapy();
  if (python === null) return { name, value: null, note: ABSENT };
  const packets = Math.min(input.packets, scale.quick ? 2_000 : DECODED_PACKETS);
  const { stdout } = await timeRun(python, ['-c', DECODE_PROGRAM, input.path, String(packets)]);
  return {
    name,
    value: Number(stdout),
    note: `the first ${packets.toLocaleString('en-US')} packets without its start; builds a Python object a layer, from which any field can be asked and a packet be made again.`,
  };
}

/** Packets a second of a capture file to one INSERT each. */
export async function scapyToPostgres(context: BenchContext, input: Input): Promise<Yardstick> {
  const name = 'Scapy and one INSERT a packet';
  const python = findScapy();
  if (python === null) return { name, value: null, note: ABSENT };
  const packets = Math.min(input.packets, context.scale.quick ? 500 : STORED_PACKETS);
  const pipeline = await Pipeline.create(context, { database: true });
  try {
    await pipeline.sql(
      'CREATE TABLE scapy (time timestamptz, source inet, destination inet, source_port int, destination_port int, length int)',
    );
    const { host, port, user, password, database } = pipeline.database;
    const address = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
    const { stdout } = await timeRun(python, ['-c', STORE_PROGRAM, input.path, String(packets)], {
      env: { ...process.env, ...address },
    });
    const { rows } = await pipeline.sql<{ count: string }>('SELECT count(*) FROM scapy');
    if (Number(rows[0]!.count) !== packets) throw new Error(`Scapy stored ${rows[0]!.count} of ${packets} packets`);
    return {
      name,
      value: Number(stdout),
      note: `the first ${packets.toLocaleString('en-US')} packets without its start, six columns, no index, psycopg, each row committed by itself. It detects nothing and cannot go on where it was killed.`,
    };
  } finally {
    await pipeline.remove();
  }
}

/**
 * A Python that has Scapy and psycopg: the system's, or one in a folder of our own, where pip installs them at first use.
 * Null when neither is to be had.
 */
function findScapy(): string | null {
  const own = join(TOOLS_FOLDER, 'scapy', 'bin', 'python3');
  for (const python of [own, 'python3']) if (hasModules(python)) return python;
  if (!existsSync(own)) {
    mkdirSync(TOOLS_FOLDER, { recursive: true });
    spawnSync('python3', ['-m', 'venv', join(TOOLS_FOLDER, 'scapy')], { stdio: 'ignore' });
  }
  spawnSync(own, ['-m', 'pip', 'install', '--quiet', ...PACKAGES], { stdio: ['ignore', 'ignore', 2] });
  return hasModules(own) ? own : null;
}

function hasModules(python: string): boolean {
  return spawnSync(python, ['-c', `import ${MODULES.join(', ')}`], { stdio: 'ignore' }).status === 0;
}
