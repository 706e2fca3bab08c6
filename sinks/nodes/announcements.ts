/** What parts of a fleet announce on compacted topics, again and again: the latest of each is kept in a table. */
import type { KafkaMessage } from 'kafkajs';
import type pg from 'pg';

/** As old as this when it is read, an announcement is a relic of its topic. */
const RELIC_AGE_MS = 60_000;

export interface Announced<Told> {
  /** Of whatever JSON has: it may throw. */
  readonly isValid: (told: Told) => boolean;
  /** @param receivedAt seconds since 1970-01-01 UTC; null for now */
  readonly statement: (told: Told, receivedAt: number | null) => pg.QueryConfig;
}

/**
 * Stores announcements, within the transaction of `client`. One is received now, unless the record is a relic: then it was received
 * when Kafka took it.
 *
 * @returns how many could not be read; they are passed over, since the same is said again soon.
 */
export async function storeAnnounced<Told>(
  client: pg.ClientBase,
  messages: readonly KafkaMessage[],
  { isValid, statement }: Announced<Told>,
): Promise<number> {
  const now = Date.now();
  let unreadable = 0;
  for (const { value, timestamp } of messages) {
    const told = readTold(value, isValid);
    if (told === null) {
      unreadable++;
      continue;
    }
    const taken = Number(timestamp);
    await client.query(statement(told, taken > 0 && now - taken > RELIC_AGE_MS ? taken / 1000 : null));
  }
  return unreadable;
}

function readTold<Told>(value: Buffer | null, isValid: (told: Told) => boolean): Told | null {
  if (value === null) return null;
  try {
    const told = JSON.parse(value.toString('utf8')) as Told;
    return isValid(told) ? told : null;
  } catch {
    return null;
  }
}
