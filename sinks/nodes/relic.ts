/** What is announced is received when it is read, unless it is a relic of a compacted topic. */
import type { KafkaMessage } from 'kafkajs';

/** As old as this when it is read. */
const RELIC_AGE_MS = 60_000;

/** When Kafka took a relic, seconds since 1970-01-01 UTC; null for what is received now. */
export function relicSeconds({ timestamp }: KafkaMessage, now: number): number | null {
  const taken = Number(timestamp);
  return taken > 0 && now - taken > RELIC_AGE_MS ? taken / 1000 : null;
}
