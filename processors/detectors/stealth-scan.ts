/**
 * The part of `port-scan` that finds probes which look like the middle of a connection: ACK and window scans (ACK alone), Maimon
 * scans (FIN with ACK). Each is one or two empty segments of which nobody saw the begin, unanswered or reset; what is left of
 * connections begun before the capture goes on, or comes from the port of a service.
 */
import { EVENT_ENDED } from '../../schemas/conversations/conversation.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { counted } from './alert-words.js';
import { responderOf } from './conversation-rows.js';

const TCP = 6;
/** What a probe and its answer leave in Zeek's history: ACK or FIN, then the reset of the other end. */
const HISTORY = /^[AaFf]{1,2}[Rr]?$/;
const PROBE_PACKETS_MAX = 2;

interface Stealth {
  readonly ports: WindowedSet<number>;
}

export const stealthScan = defineWatcher<Stealth>()({
  id: 'port-scan',
  version: '1-stealth',
  name: 'Port scan',
  summary: 'ACK, window and Maimon scans.',
  techniques: [{ id: 'T1046', name: 'Network Service Discovery' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  conversations: true,
  counts: 'ports probed from amid connections that never were',
  threshold: { default: 10, minimum: 2, maximum: 1000, help: 'distinct destination ports' },
  windowSeconds: { default: 60, minimum: 1, maximum: 60, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros, threshold }) => ({
    newState: () => ({ ports: new WindowedSet<number>(windowMicros, 4 * threshold) }),
    conversation(block, row, watch) {
      if (block.event[row] !== EVENT_ENDED || block.ipProtocol[row] !== TCP || block.begun[row] === 1) return;
      const port = block.responderPort[row]!;
      if (
        block.originatorPackets[row]! > PROBE_PACKETS_MAX ||
        block.originatorPayload[row]! + block.responderPayload[row]! > 0 ||
        port >= block.originatorPort[row]! ||
        !HISTORY.test(block.history[row]!)
      ) {
        return;
      }
      const state = watch.source();
      watch.measure(state.ports.add(watch.time, port), responderOf(block, row), port);
    },
    describe: ({ source, targets }, { ports }) => ({
      message: `${source} probes ${ports.size} ports of ${counted(targets, 'host')} by segments of connections that never were`,
      details: { shape: 'stealth', ports: ports.size },
    }),
    bytes: ({ ports }) => 400 + 50 * ports.size,
  }),
});
