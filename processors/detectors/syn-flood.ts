/**
 * A source that asks for connections faster than clients do, whoever it asks: a flood from an address of its own. Where
 * the flood's sources are spoofed no single source gets this far; that is for a detection keyed by target.
 */

import { defineDetector } from '../contract/detector.js';
import { counted, seconds, toTargets } from './alert-words.js';

/** Share of what fails that one target has at least, where it is meant to be flooded. */
const AT_ONE_SHARE = 0.25;

export const synFlood = defineDetector({
  id: 'syn-flood',
  version: '1',
  name: 'SYN flood',
  summary:
    'A source sends many TCP SYN without ACK within the window, to any targets and ports. A flood that spoofs a new source for each packet is not seen.',
  techniques: [
    { id: 'T1498.001', name: 'Network Denial of Service: Direct Network Flood' },
    { id: 'T1499.001', name: 'Endpoint Denial of Service: OS Exhaustion Flood' },
  ],
  eventTypes: ['denied'],
  severity: 4,
  keyedBy: 'source',
  perDestinationPort: false,
  packets: ['tcp-syn'],
  measure: 'count',
  values: 'none',
  durable: false,
  threshold: { default: 100, minimum: 2, maximum: 100_000, help: 'SYN without ACK' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {},
  createObserver: () => () => 0,
  judge: ({ failed, answered, halfOpen, unseen, failedAtOne }, { threshold, severity }) => {
    if (unseen > failed + answered) return severity;
    const bare = failed + halfOpen;
    if (bare < threshold) return 1;
    // spread over ever other hosts it is a sweep, or a program whose peers are gone
    return halfOpen + failedAtOne >= bare * AT_ONE_SHARE ? severity : 1;
  },
  describe: (evidence) => ({
    message: `${evidence.source} sent ${evidence.packets} SYN ${toTargets(evidence.targets)} in ${seconds(evidence)}`,
    details: { spread: evidence.targets.distinct <= 1 ? 'one target' : counted(evidence.targets, 'target') },
  }),
});
