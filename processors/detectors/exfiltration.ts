/**
 * Much goes out to one outside host and next to nothing comes back. A floor (100 MB in an hour) keeps calls and uploads of pictures out;
 * where a host sends much every day, three times its own mean of the hours before is asked for as well. Cloud backups look the same:
 * name their networks in an exception.
 */
import { EVENT_ENDED, EVENT_UPDATED } from '../../schemas/conversations/conversation.js';
import type { ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSum } from '../contract/windowed.js';
import { goesOutside, originatorOf, responderOf } from './conversation-rows.js';

const BYTES_A_MEGABYTE = 1e6;
const OUT_BY_IN = 10;
const TIMES_THE_USUAL = 3;
const HOUR_MICROS = 3600e6;
/** Hours that the mean leans on, as a moving average. */
const HOURS_REMEMBERED = 24;
const CONVERSATIONS_MAX = 256;

interface Uploads {
  host: string;
  to: string;
  readonly out: WindowedSum;
  readonly back: WindowedSum;
  /** Totals that rows have told so far, by conversation. */
  readonly counted: Map<string, readonly [number, number]>;
  /** Megabytes an hour that the host sent out before, to whomever. */
  usual: number;
  hour: number;
  thisHour: number;
}

export const exfiltration = defineWatcher<Uploads>()({
  id: 'exfiltration',
  version: '1',
  name: 'Exfiltration',
  summary: 'A host sends much more to one outside host within the window than comes back, and than it used to send.',
  techniques: [{ id: 'T1048', name: 'Exfiltration Over Alternative Protocol' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'pair',
  conversations: true,
  durable: true,
  hunted: true,
  counts: 'megabytes sent out',
  threshold: { default: 100, minimum: 1, maximum: 1_000_000, help: 'megabytes to one outside host' },
  windowSeconds: { default: 3600, minimum: 60, maximum: 86_400, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros }) => {
    const newState = (): Uploads => ({
      host: '',
      to: '',
      out: new WindowedSum(windowMicros),
      back: new WindowedSum(windowMicros),
      counted: new Map(),
      usual: 0,
      hour: 0,
      thisHour: 0,
    });
    return {
      newState,
      conversation: (block, row, watch) => {
        const event = block.event[row];
        if ((event !== EVENT_ENDED && event !== EVENT_UPDATED) || !goesOutside(block, row)) return;
        const host = originatorOf(block, row);
        const to = responderOf(block, row);
        const time = block.last[row]!;
        const pair = watch.key(`${host} ${to}`);
        pair.host = host;
        pair.to = to;
        const [out, back] = newBytes(pair, block, row);
        const sent = pair.out.add(time, out);
        const received = pair.back.add(time, back);
        const past = watch.key(host);
        const usual = usualOf(past, time, out / BYTES_A_MEGABYTE);
        watch.key(`${host} ${to}`);
        const megabytes = Math.floor(sent / BYTES_A_MEGABYTE);
        watch.measure(sent >= OUT_BY_IN * received && megabytes >= TIMES_THE_USUAL * usual ? megabytes : 0, to);
      },
      describe: ({ peak }, { host, to, back }) => ({
        message: `${host} sent ${peak} MB to ${to}, which sent ${Math.ceil(back.sum / BYTES_A_MEGABYTE)} MB back`,
        details: { megabytes: peak },
        source: { ip: host, address: host },
        destination: { ip: to },
        related: [to],
      }),
      save: (state) => ({
        ...state,
        out: state.out.entries(),
        back: state.back.entries(),
        counted: [...state.counted],
      }),
      load: (value) => {
        const saved = value as Omit<Uploads, 'out' | 'back' | 'counted'> & {
          out: [number, number][];
          back: [number, number][];
          counted: [string, [number, number]][];
        };
        const fresh = newState();
        return {
          ...saved,
          out: fresh.out.restore(saved.out),
          back: fresh.back.restore(saved.back),
          counted: new Map(saved.counted),
        };
      },
    };
  },
});

/** Bytes each way since the last row of the conversation; rows tell totals. */
function newBytes({ counted }: Uploads, block: ConversationBlock, row: number): [number, number] {
  const name = `${block.start[row]} ${block.originatorPort[row]} ${block.responderPort[row]}`;
  const [out, back] = counted.get(name) ?? [0, 0];
  const totals = [block.originatorBytes[row]!, block.responderBytes[row]!] as const;
  counted.delete(name);
  if (block.event[row] === EVENT_UPDATED) {
    counted.set(name, totals);
    for (const old of counted.keys()) {
      if (counted.size <= CONVERSATIONS_MAX) break;
      counted.delete(old);
    }
  }
  return [Math.max(0, totals[0] - out), Math.max(0, totals[1] - back)];
}

/** Megabytes an hour before this one; notes what is sent now. */
function usualOf(past: Uploads, time: number, megabytes: number): number {
  const hour = Math.floor(time / HOUR_MICROS);
  if (past.hour === 0) past.hour = hour;
  if (hour > past.hour) {
    const hours = Math.min(hour - past.hour, HOURS_REMEMBERED);
    past.usual += (past.thisHour - past.usual) / HOURS_REMEMBERED;
    for (let idle = 1; idle < hours; idle++) past.usual -= past.usual / HOURS_REMEMBERED;
    past.hour = hour;
    past.thisHour = 0;
  }
  past.thisHour += megabytes;
  return past.usual;
}
