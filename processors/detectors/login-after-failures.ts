/** A login that succeeds after many at the same service failed: a guess was right. */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSum } from '../contract/windowed.js';
import { originatorOf, responderOf } from './conversation-rows.js';
import { loginResult, loginService } from './logins.js';

interface Door {
  readonly failures: WindowedSum;
  source: string;
  target: string;
  service: string;
}

export const loginAfterFailures = defineWatcher<Door>()({
  id: 'login-after-failures',
  version: '1',
  name: 'Login after failures',
  summary: 'A source logs in at a service where many of its logins had failed within the window.',
  techniques: [{ id: 'T1110.001', name: 'Brute Force: Password Guessing' }],
  eventTypes: ['access', 'allowed'],
  severity: 5,
  keyedBy: 'pair',
  conversations: true,
  durable: true,
  counts: 'failed logins before one that succeeded',
  threshold: { default: 10, minimum: 2, maximum: 10_000, help: 'failed logins before; people give up sooner' },
  windowSeconds: { default: 3600, minimum: 60, maximum: 86_400, help: 'how long before' },
  options: {},
  createWatcher: (_, { windowMicros }) => ({
    newState: () => ({ failures: new WindowedSum(windowMicros), source: '', target: '', service: '' }),
    conversation(block, row, watch) {
      const result = loginResult(block, row);
      if (result === null) return;
      const source = originatorOf(block, row);
      const target = responderOf(block, row);
      const door = watch.key(`${source} ${target} ${block.responderPort[row]}`);
      door.source = source;
      door.target = target;
      door.service = loginService(block, row);
      const failures = door.failures.add(watch.time, result.failed);
      watch.measure(result.succeeded > 0 ? failures : 0, target, block.responderPort[row]!);
    },
    describe: (_evidence, { failures, source, target, service }) => ({
      message: `${source} logged in at ${target}${service === '' ? '' : ` (${service})`} after ${failures.sum} failures`,
      details: { service, failures: failures.sum },
      source: { ip: source, address: source },
      destination: { ip: target },
      related: [target],
    }),
    save: ({ failures, source, target, service }) =>
      failures.sum < 3 ? undefined : { failures: failures.entries(), source, target, service },
    load: (value) => {
      const { failures, ...rest } = value as {
        failures: [number, number][];
        source: string;
        target: string;
        service: string;
      };
      return { ...rest, failures: new WindowedSum(windowMicros).restore(failures) };
    },
    bytes: () => 900,
  }),
});
