/**
 * Whether a fetch brought what was asked for, for readers that keep their own position. kafkajs moves on by itself where a
 * position is out of the log's range: to the first record there is. So records from elsewhere say that the consumer has
 * forgotten the position (it is sent there again), that records before them are gone, or that the log ends before it
 * reaches the position, as that of a topic recreated does, or one that has lost its tail.
 */
import { Failure } from '../process/failure.js';

export type Arrival =
  | { readonly kind: 'in place' }
  /** The consumer is to be sent to the position; records that come before it are another log's, if the topic is another. */
  | { readonly kind: 'astray'; readonly isBefore: boolean }
  /** So many records from the position on are gone; what was fetched is next. */
  | { readonly kind: 'lost'; readonly records: number }
  /** The log ends before the position. */
  | { readonly kind: 'beyond the end' };

/** After so many tries to get to the position, records behind it are taken as they are: those before them are gone. */
const SEEKS_MAX = 3;

const IN_PLACE: Arrival = { kind: 'in place' };

export class ReadingPlace {
  /** @param seeks how often the consumer was sent to the position without arriving there. */
  constructor(private seeks = 0) {}

  /**
   * @param position of the next record.
   * @param fetched the offset that was asked for.
   * @param passesOver whether the records of a transaction's own are passed over, which leaves gaps.
   */
  arrival(position: number, fetched: number, highWatermark: number, passesOver: boolean): Arrival {
    if (fetched === position) return IN_PLACE;
    if (position > highWatermark) return { kind: 'beyond the end' };
    if (fetched > position) {
      // Once it was sent to the right place, a gap is nothing but what is passed over.
      if (passesOver && this.seeks > 0) return IN_PLACE;
      if (this.seeks >= SEEKS_MAX) {
        this.seeks = 0;
        return { kind: 'lost', records: fetched - position };
      }
    }
    this.seeks++;
    return { kind: 'astray', isBefore: fetched < position };
  }
}

/** For a log that ends before a position although its topic is the same: waiting does not mend it. */
export function positionBeyondEnd(
  code: string,
  where: { readonly topic: string; readonly partition: number; readonly end: number; readonly position: number },
  holder: string,
  remedy: string,
): Failure {
  const { topic, partition, end, position } = where;
  return new Failure(
    code,
    `partition ${partition} of ${topic} ends at ${end}, but ${holder} it up to ${position}: Kafka lost records; ${remedy}`,
  );
}

/** The offset that was asked for; kafkajs has it on every batch, its types have not. */
export function fetchedOffset(batch: object): number {
  return Number((batch as { readonly fetchedOffset: string }).fetchedOffset);
}
