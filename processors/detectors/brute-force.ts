/**
 * A source that keeps connecting to a login service: every guess or two is a connection of its own. Told by connection
 * attempts alone, so a service on another port has to be named in `ports`.
 */

import { defineDetector, NOT_COUNTED } from '../contract/detector.js';
import { portSet } from '../contract/network-list.js';
import { seconds, toTargets } from './alert-words.js';
import { loginGuesses } from './login-guesses.js';
import { loginResult } from './logins.js';

const SERVICES: ReadonlyMap<number, string> = new Map([
  [21, 'FTP'],
  [22, 'SSH'],
  [23, 'Telnet'],
  [25, 'SMTP'],
  [110, 'POP3'],
  [143, 'IMAP'],
  [3389, 'RDP'],
]);

export const bruteForce = defineDetector({
  id: 'brute-force',
  version: '1',
  name: 'Brute force',
  summary:
    'A source sends many TCP SYN without ACK to one login port within the window, all targets together, each port by itself.',
  techniques: [{ id: 'T1110', name: 'Brute Force' }],
  eventTypes: ['start'],
  severity: 3,
  keyedBy: 'source',
  perDestinationPort: true,
  packets: ['tcp-syn'],
  measure: 'count',
  values: 'none',
  durable: false,
  threshold: { default: 20, minimum: 2, maximum: 100_000, help: 'SYN without ACK to the port' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {
    loginPorts: { kind: 'ports', default: [21, 22, 23, 25, 110, 143, 3389], help: 'ports of login services' },
  },
  createObserver: ({ loginPorts }) => {
    const watched = portSet(loginPorts);
    return (block, row) => (watched[block.destinationPort[row]!] === 1 ? 0 : NOT_COUNTED);
  },
  judge: ({ failed }, { threshold, severity }) => (failed >= threshold ? severity : 1),
  judgeConversation: (block, row) => {
    const result = loginResult(block, row);
    if (result === null) return null;
    return result.failed > 0 && result.succeeded === 0 ? 'failed' : 'answered';
  },
  companion: loginGuesses,
  describe: (evidence) => {
    const port = evidence.destinationPort!;
    const service = SERVICES.get(port) ?? 'login';
    const targets = toTargets(evidence.targets);
    return {
      message: `${evidence.source} tried ${evidence.packets} ${service} connections ${targets} port ${port} in ${seconds(evidence)}`,
      details: { service: service.toLowerCase() },
    };
  },
});
