/** Settings of the sinks that store into Postgres. */
import { defineOptions, type Settings } from '../runtime/options.js';

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

export const retentionOptions = defineOptions({
  dataRetentionDays: {
    kind: 'integer',
    env: 'NTA_DATA_RETENTION_DAYS',
    default: 7,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    help: 'age at which packets are dropped',
  },
  statsRetentionDays: {
    kind: 'integer',
    env: 'NTA_STATS_RETENTION_DAYS',
    default: 400,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    help: 'age at which traffic statistics are dropped, by whole months',
  },
  alertRetentionDays: {
    kind: 'integer',
    env: 'NTA_ALERT_RETENTION_DAYS',
    default: 730,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    help: 'age at which closed alerts are deleted',
  },
  maxDatabaseSize: {
    kind: 'size',
    env: 'NTA_MAX_DATABASE_SIZE',
    default: 0,
    minimum: 0,
    maximum: 2 ** 53 - 1,
    help: 'size of the database past which the oldest packets are dropped early; 0 for no bound',
  },
  cleanupInterval: {
    kind: 'duration',
    env: 'NTA_CLEANUP_INTERVAL',
    default: 3_600_000,
    minimum: 1_000,
    maximum: 86_400_000,
    help: 'how often retention is applied',
  },
});
export type RetentionSettings = Settings<typeof retentionOptions>;

/** What becomes of a packet: `every` is N of one in N; 0 stores those of alerted sources. */
export interface StorePolicy {
  readonly every: number;
}

/** Reads `--store`, whose form the option has checked. */
export function parseStorePolicy(store: string): StorePolicy {
  if (store === 'alerts') return { every: 0 };
  return { every: store === 'all' ? 1 : Number(store.slice('sample:1/'.length)) };
}
