/** Packets of shapes that only probes of an operating system have, several of them to one host (nmap -O and its like). */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { HAS_TCP } from '../../schemas/packets/packet-block.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';

const SHAPES: ReadonlyMap<number, string> = new Map([
  [0x00, 'null'],
  [0x2b, 'syn-fin-psh-urg'],
  [0x29, 'xmas'],
  [0x08, 'psh'],
  [0x01, 'fin'],
]);
const SHAPE_FLAGS = 0x3f;
const SYN = 0x02;
const SYN_ECE_CWR = 0xc2;
const TIMESTAMP = 13;
const INFORMATION = 15;
const MASK = 17;

/** What is odd about a packet; empty when nothing is. */
function shapeOf(block: PacketBlock, row: number): string {
  if ((block.present[row]! & HAS_TCP) !== 0) {
    const flags = block.tcpFlags[row]!;
    if ((flags & 0xff) === SYN) return '';
    const shape = SHAPES.get(flags & SHAPE_FLAGS);
    if (shape !== undefined) return shape;
    return (flags & 0xff) === SYN_ECE_CWR ? 'ecn' : '';
  }
  if (block.ipProtocol[row] !== 1) return '';
  const type = block.icmpType[row]!;
  if (type === 8) return block.icmpCode[row] === 0 ? '' : 'echo-code';
  return type === TIMESTAMP || type === INFORMATION || type === MASK ? `icmp-${type}` : '';
}

interface Probes {
  readonly shapes: WindowedSet<string>;
}

export const osFingerprint = defineWatcher<Probes>()({
  id: 'os-fingerprint',
  version: '1',
  name: 'Operating system probes',
  summary:
    'A source sends packets of several odd shapes to one host: NULL, Xmas, SYN with FIN, ICMP timestamp and mask.',
  techniques: [{ id: 'T1592', name: 'Gather Victim Host Information' }],
  eventTypes: ['info'],
  severity: 1,
  keyedBy: 'pair',
  packets: ['tcp-syn', 'tcp-stealth', 'icmp'],
  counts: 'odd shapes',
  threshold: { default: 3, minimum: 2, maximum: 9, help: 'different odd shapes; a scan of ports has one of them' },
  windowSeconds: { default: 60, minimum: 1, maximum: 600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros }) => ({
    newState: () => ({ shapes: new WindowedSet<string>(windowMicros, 16) }),
    concerns: (block, row) => shapeOf(block, row) !== '',
    packet(block, row, watch) {
      const shape = shapeOf(block, row);
      watch.measure(watch.pair().shapes.add(watch.time, shape));
    },
    describe: ({ source }, { shapes }) => {
      const [from, to] = source.split(' ') as [string, string];
      return {
        message: `${from} probes the operating system of ${to}: ${[...shapes.values()].join(', ')}`,
        details: { shapes: shapes.size },
        source: { ip: from, address: from },
        destination: { ip: to },
        related: [to],
      };
    },
  }),
});
