/** Settings of the sink that stores into Postgres. */
import { defineOptions, type Settings } from '../runtime/process/options.js';

export const sinkOptions = defineOptions({
  store: {
    kind: 'string',
    env: 'NTA_STORE',
    default: 'all',
    placeholder: '<policy>',
    pattern: {
      test: /^(all|alerts|sample:1\/[1-9]\d{0,6})$/,
      description: 'all, sample:1/N (N from 1 to 9999999) or alerts',
    },
    help: 'which packets become rows: all, sample:1/N (every Nth), or alerts (those of sources with an open alert); statistics count every packet whichever it is',
  },
  partitionInterval: {
    kind: 'string',
    env: 'NTA_PARTITION_INTERVAL',
    default: 'day',
    choices: ['hour', 'day'],
    help: 'time that one partition of packets spans; hour suits more than about 50,000,000 packets a day',
  },
});
export type SinkSettings = Settings<typeof sinkOptions>;

/** What becomes of a packet: `every` is N of one in N; 0 stores those of alerted sources. */
export interface StorePolicy {
  readonly every: number;
}

/** Reads `--store`, whose form the option has checked. */
export function parseStorePolicy(store: string): StorePolicy {
  if (store === 'alerts') return { every: 0 };
  return { every: store === 'all' ? 1 : Number(store.slice('sample:1/'.length)) };
}
