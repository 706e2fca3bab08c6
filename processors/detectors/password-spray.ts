/** One source whose logins fail at many hosts, or for many users: a few passwords tried everywhere. */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { counted } from './alert-words.js';
import { responderOf } from './conversation-rows.js';
import { loginResult, loginService } from './logins.js';

const DAY = 86_400e6;
/** A day's hosts weigh a half: spraying slowly needs twice as many. */
const DAY_WEIGHT = 0.5;

interface Spray {
  readonly hosts: WindowedSet<string>;
  readonly users: WindowedSet<string>;
  readonly day: WindowedSet<string>;
  service: string;
}

export const passwordSpray = defineWatcher<Spray>()({
  id: 'password-spray',
  version: '1',
  name: 'Password spraying',
  summary: 'Logins of a source fail at many hosts, or for many users, within the window or within a day.',
  techniques: [{ id: 'T1110.003', name: 'Brute Force: Password Spraying' }],
  eventTypes: ['start'],
  severity: 3,
  keyedBy: 'source',
  conversations: true,
  durable: true,
  counts: 'hosts or users whose logins failed',
  threshold: { default: 10, minimum: 3, maximum: 1000, help: 'hosts, or users, where logins failed' },
  windowSeconds: { default: 600, minimum: 10, maximum: 3600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros, threshold }) => {
    const most = 4 * threshold;
    return {
      newState: () => ({
        hosts: new WindowedSet<string>(windowMicros, most),
        users: new WindowedSet<string>(windowMicros, most),
        day: new WindowedSet<string>(DAY, most),
        service: '',
      }),
      conversation(block, row, watch) {
        const result = loginResult(block, row);
        if (result === null || result.failed === 0) return;
        const state = watch.source();
        const host = responderOf(block, row);
        const user = block.names[row]?.user;
        state.service = loginService(block, row);
        const users = user === undefined ? state.users.size : state.users.add(watch.time, user);
        const day = Math.floor(state.day.add(watch.time, host) * DAY_WEIGHT);
        watch.measure(Math.max(state.hosts.add(watch.time, host), users, day), host, block.responderPort[row]!);
      },
      describe: ({ source, targets }, { users, day, service }) => ({
        message: `${source} fails to log in${service === '' ? '' : ` by ${service}`} at ${counted(targets, 'host')}`,
        details: { service, users: users.size, hosts_in_day: day.size },
      }),
      save: ({ hosts, users, day, service }) =>
        day.size < 3 && users.size < 3
          ? undefined
          : { hosts: hosts.entries(), users: users.entries(), day: day.entries(), service },
      load: (value) => {
        const saved = value as Record<'hosts' | 'users' | 'day', [string, number][]> & { service: string };
        return {
          hosts: new WindowedSet<string>(windowMicros, most).restore(saved.hosts),
          users: new WindowedSet<string>(windowMicros, most).restore(saved.users),
          day: new WindowedSet<string>(DAY, most).restore(saved.day),
          service: saved.service,
        };
      },
      bytes: ({ hosts, users, day }) => 600 + 60 * (hosts.size + users.size + day.size),
    };
  },
});
