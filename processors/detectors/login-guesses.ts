/** The part of `brute-force` that counts failed logins, slow guesses and several in one connection included. */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSum } from '../contract/windowed.js';
import { counted } from './alert-words.js';
import { responderOf } from './conversation-rows.js';
import { isShortMapperCall, loginResult, loginService } from './logins.js';

const MINUTE = 60e6;
const HOUR = 3600e6;
/** An hour's guesses weigh a half: 40 of them are as much as 20 in the window. A forgotten password is tried a dozen times. */
const HOUR_WEIGHT = 0.5;

interface Guesses {
  readonly recent: WindowedSum;
  readonly hour: WindowedSum;
  /** Short calls to the RPC endpoint mapper within a minute: a program makes a few, guessing makes one for each guess. */
  readonly calls: WindowedSum;
  service: string;
}

export const loginGuesses = defineWatcher<Guesses>()({
  id: 'brute-force',
  version: '2-logins',
  name: 'Brute force',
  summary: 'Failed logins of a source, on any port where the service is known.',
  techniques: [{ id: 'T1110.001', name: 'Brute Force: Password Guessing' }],
  eventTypes: ['start'],
  severity: 3,
  keyedBy: 'source',
  conversations: true,
  durable: true,
  counts: 'failed logins',
  threshold: { default: 20, minimum: 2, maximum: 100_000, help: 'failed logins' },
  windowSeconds: { default: 600, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros }) => ({
    newState: () => ({
      recent: new WindowedSum(windowMicros),
      hour: new WindowedSum(HOUR),
      calls: new WindowedSum(MINUTE),
      service: '',
    }),
    conversation(block, row, watch) {
      if (isShortMapperCall(block, row)) {
        const called = watch.source();
        called.service = 'rpc';
        watch.measure(called.calls.add(watch.time, 1), responderOf(block, row), block.responderPort[row]!);
        return;
      }
      const result = loginResult(block, row);
      if (result === null || result.failed === 0) return;
      const state = watch.source();
      state.service = loginService(block, row);
      const recent = state.recent.add(watch.time, result.failed);
      const hour = state.hour.add(watch.time, result.failed);
      const measured = Math.max(recent, Math.floor(hour * HOUR_WEIGHT));
      watch.measure(measured, responderOf(block, row), block.responderPort[row]!, result.failed);
    },
    describe: ({ source, targets, peak }, { recent, hour, service }) => ({
      message: `${source} failed ${Math.max(recent.sum, hour.sum, peak)} ${service === '' ? '' : `${service} `}logins at ${counted(targets, 'host')}`,
      details: { service, failed_in_hour: hour.sum },
    }),
    save: ({ recent, hour, service }) =>
      hour.sum < 3 ? undefined : { recent: recent.entries(), hour: hour.entries(), service },
    load: (value) => {
      const { recent, hour, service } = value as {
        recent: [number, number][];
        hour: [number, number][];
        service: string;
      };
      return {
        recent: new WindowedSum(windowMicros).restore(recent),
        hour: new WindowedSum(HOUR).restore(hour),
        calls: new WindowedSum(MINUTE),
        service,
      };
    },
    bytes: () => 1500,
  }),
});
