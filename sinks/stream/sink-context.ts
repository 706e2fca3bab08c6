/** What every part of a sink works with. */
import type { Kafka } from 'kafkajs';
import type pg from 'pg';
import type { Logger } from '../../runtime/process/log.js';
import type { Availability } from './availability.js';
import type { SinkMetrics } from './sink-metrics.js';

export interface SinkContext {
  readonly kafka: Kafka;
  readonly pool: pg.Pool;
  readonly availability: Availability;
  readonly metrics: SinkMetrics;
  readonly log: Logger;
}
