/** One source that sends packets of many IP protocols to one host (nmap -sO): who speaks what, not what is said. */
import { HAS_FRAGMENT, HAS_IP } from '../../schemas/packets/packet-block.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';

interface Protocols {
  readonly seen: WindowedSet<number>;
  /** Refusals of protocols, by when they came: each answers another protocol. */
  readonly refused: WindowedSet<number>;
  isRefusal: boolean;
}

const ICMP = 1;
const UNREACHABLE = 3;
const PROTOCOL_UNREACHABLE = 2;

export const protocolScan = defineWatcher<Protocols>()({
  id: 'protocol-scan',
  version: '1',
  name: 'IP protocol scan',
  summary: 'A source sends packets of many IP protocols other than TCP, UDP and ICMP to one host within the window.',
  techniques: [{ id: 'T1046', name: 'Network Service Discovery' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'pair',
  packets: ['other', 'icmp'],
  counts: 'IP protocols',
  threshold: {
    default: 6,
    minimum: 3,
    maximum: 200,
    help: 'IP protocols; two hosts that route and tunnel use two or three',
  },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros }) => ({
    newState: () => ({
      seen: new WindowedSet<number>(windowMicros, 256),
      refused: new WindowedSet<number>(windowMicros, 256),
      isRefusal: false,
    }),
    concerns: (block, row) =>
      (block.present[row]! & HAS_IP) !== 0 && (block.ipProtocol[row] !== ICMP || block.icmpType[row] === UNREACHABLE),
    packet(block, row, watch) {
      const present = block.present[row]!;
      if ((present & HAS_IP) === 0) return;
      if ((present & HAS_FRAGMENT) !== 0 && block.fragmentOffset[row]! > 0) return;
      const protocol = block.ipProtocol[row]!;
      if (protocol === ICMP) {
        if (block.icmpType[row] !== UNREACHABLE || block.icmpCode[row] !== PROTOCOL_UNREACHABLE) return;
        const state = watch.pair();
        state.isRefusal = true;
        watch.measure(state.refused.add(watch.time, watch.time));
        return;
      }
      if (protocol === 6 || protocol === 17 || protocol === 58) return;
      watch.measure(watch.pair().seen.add(watch.time, protocol));
    },
    describe: ({ source }, { seen, refused, isRefusal }) => {
      const [sender, receiver] = source.split(' ') as [string, string];
      const from = isRefusal ? receiver : sender;
      const to = isRefusal ? sender : receiver;
      const protocols = isRefusal ? refused.size : seen.size;
      return {
        message: `${from} sent packets of ${protocols} IP protocols to ${to}${isRefusal ? ', which refused them' : ''}`,
        details: { protocols },
        source: { ip: from, address: from },
        destination: { ip: to },
        related: [to],
      };
    },
  }),
});
