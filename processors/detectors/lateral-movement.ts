/**
 * A chain of administration inside: a host that has just been administered begins to administer others itself. An administrator's
 * station, a configuration run or a backup server goes out to many, and none of these goes on; who was taken over does.
 * Conversations that were answered count, to ports of remote administration (SMB, RPC, RDP, WinRM, SSH, Telnet, VNC).
 *
 * What it misses: the first hop, and jumps over other services.
 */
import { EVENT_ENDED, OUTCOME_ANSWERED } from '../../schemas/conversations/conversation.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { originatorOf, responderOf, staysInside } from './conversation-rows.js';

const HOSTS_MAX = 256;

interface Host {
  host: string;
  /** Who administered it, and whom it administers since. */
  readonly by: WindowedSet<string>;
  readonly others: WindowedSet<string>;
}

export const lateralMovement = defineWatcher<Host>()({
  id: 'lateral-movement',
  version: '1',
  name: 'Lateral movement',
  summary: 'An inside host that was administered within the window begins to administer several others.',
  techniques: [{ id: 'T1021', name: 'Remote Services' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  conversations: true,
  durable: true,
  hunted: true,
  counts: 'hosts administered',
  threshold: {
    default: 4,
    minimum: 2,
    maximum: HOSTS_MAX,
    help: 'distinct hosts that it administers after having been administered',
  },
  windowSeconds: { default: 3600, minimum: 60, maximum: 86_400, help: 'length of the window' },
  options: {
    ports: {
      kind: 'ports',
      default: [22, 23, 135, 139, 445, 3389, 5900, 5985, 5986],
      help: 'ports of remote administration',
    },
  },
  createWatcher: ({ ports }, { windowMicros }) => {
    const watched = new Set(ports);
    const newState = (): Host => ({
      host: '',
      by: new WindowedSet(windowMicros, HOSTS_MAX),
      others: new WindowedSet(windowMicros, HOSTS_MAX),
    });
    return {
      newState,
      conversation: (block, row, watch) => {
        if (block.event[row] !== EVENT_ENDED || block.outcome[row] !== OUTCOME_ANSWERED) return;
        if (block.ipProtocol[row] !== 6 || !watched.has(block.responderPort[row]!) || !staysInside(block, row)) return;
        const from = originatorOf(block, row);
        const to = responderOf(block, row);
        const start = block.start[row]!;
        const target = watch.key(to);
        target.host = to;
        target.by.add(start, from);
        const host = watch.key(from);
        host.host = from;
        const administered = host.by.advance(start) > 0;
        // Who administered it is answered, not attacked; pairs that do so both ways are peers.
        if (!administered || host.by.has(to) || target.others.has(from)) return;
        watch.measure(host.others.add(start, to), to, block.responderPort[row]!);
      },
      describe: (_, { host, by, others }) => ({
        message: `${host} administers ${others.size} hosts, such as ${[...others.values()].slice(-3).join(', ')}, after ${[...by.values()].at(-1)} administered it`,
        details: { hosts: others.size },
        source: { ip: host, address: host },
        related: [...by.values(), ...others.values()].slice(0, 20),
      }),
      save: ({ host, by, others }) => ({ host, by: by.entries(), others: others.entries() }),
      load: (value) => {
        const saved = value as { host: string; by: [string, number][]; others: [string, number][] };
        const fresh = newState();
        return { host: saved.host, by: fresh.by.restore(saved.by), others: fresh.others.restore(saved.others) };
      },
    };
  },
});
