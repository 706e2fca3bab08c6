/**
 * A conversation with an outside host that is held for hours. Most are what they seem (chat, push, VPN), so it is informational: a
 * list to look through for what one does not know. Four hours, because a working half-day is; Zeek and RITA list the longest, too.
 */
import { EVENT_ENDED, EVENT_UPDATED, OUTCOME_ANSWERED } from '../../schemas/conversations/conversation.js';
import { defineWatcher } from '../contract/watcher.js';
import { goesOutside, originatorOf, responderOf } from './conversation-rows.js';

const HOUR_MICROS = 3600e6;

interface Held {
  host: string;
  to: string;
  port: number;
  hours: number;
}

export const longConnection = defineWatcher<Held>()({
  id: 'long-connection',
  version: '1',
  name: 'Long connection',
  summary: 'A conversation with an outside host is held for hours.',
  techniques: [{ id: 'T1071', name: 'Application Layer Protocol' }],
  eventTypes: ['info'],
  severity: 1,
  keyedBy: 'pair',
  conversations: true,
  durable: true,
  hunted: true,
  counts: 'hours',
  threshold: { default: 4, minimum: 1, maximum: 1000, help: 'hours that the conversation has lasted' },
  windowSeconds: { default: 3600, minimum: 60, maximum: 86_400, help: 'how long after it is over the alert closes' },
  options: {},
  createWatcher: () => ({
    newState: () => ({ host: '', to: '', port: 0, hours: 0 }),
    bytes: () => 200,
    conversation: (block, row, watch) => {
      const event = block.event[row];
      if (event !== EVENT_ENDED && event !== EVENT_UPDATED) return;
      const hours = Math.floor((block.last[row]! - block.start[row]!) / HOUR_MICROS);
      if (hours === 0 || block.outcome[row] !== OUTCOME_ANSWERED || !goesOutside(block, row)) return;
      const host = originatorOf(block, row);
      const to = responderOf(block, row);
      const port = block.responderPort[row]!;
      const held = watch.key(`${host} ${to} ${port} ${block.originatorPort[row]}`);
      held.host = host;
      held.to = to;
      held.port = port;
      held.hours = Math.max(held.hours, hours);
      watch.measure(hours, to, port);
    },
    describe: (_, { host, to, port, hours }) => ({
      message: `${host} has held a conversation with ${to} port ${port} for ${hours} hours`,
      details: { hours },
      source: { ip: host, address: host },
      destination: { ip: to, port },
      related: [to],
    }),
    save: (state) => state,
    load: (value) => value as Held,
  }),
});
