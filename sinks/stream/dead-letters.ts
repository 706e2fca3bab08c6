/**
 * What a sink could not store or deliver, on `packets-dead-letter` or `alerts-dead-letter`, with the reason in the headers.
 *
 * The header `stage` is `sink`, or the output's name: a record that nobody can read is there twice, once from the processors and once from here, because each
 * group answers for what it skipped, whether the other runs or not. A repeat after a crash is possible;
 * `source-topic`, `source-partition`, `source-offset` and `source-index` tell it from another.
 */
import type { IHeaders, Kafka, Producer } from 'kafkajs';
import type { CountedConversation } from '../conversations/conversation-rollup.js';
import type { RefusedRow } from '../packets/packet-store.js';
import type { UnitPacket } from '../packets/packet-unit.js';

/** A record as it came. */
export interface PacketRecord {
  readonly offset: number | string;
  /** ms since 1970. */
  readonly timestamp: number | string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface DeadLetter {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
}

export class DeadLetters {
  private producer: Producer | null = null;

  constructor(
    private readonly kafka: Kafka,
    readonly topic: string,
  ) {}

  async send(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    if (this.producer === null) {
      this.producer = this.kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
      await this.producer.connect();
    }
    const messages = letters.map((letter) => ({ ...letter, headers: { stage: 'sink', ...letter.headers } }));
    await this.producer.send({ topic: this.topic, acks: -1, messages });
  }

  async close(): Promise<void> {
    await this.producer?.disconnect();
    this.producer = null;
  }
}

/** A record that cannot be read, whole. */
export function poisonLetter(
  topic: string,
  partition: number,
  record: PacketRecord,
  reason: string,
  detail: string,
): DeadLetter {
  return {
    key: record.key,
    value: record.value,
    headers: {
      reason,
      detail,
      'source-topic': topic,
      'source-partition': String(partition),
      'source-offset': String(record.offset),
      'source-timestamp': String(record.timestamp),
    },
  };
}

/** A conversation that Postgres refused, as JSON. */
export function refusedConversationLetter(
  topic: string,
  conversation: CountedConversation,
  refused: { readonly sqlState: string; readonly message: string },
): DeadLetter {
  const [originator = ''] = conversation.pair.split(' ');
  return {
    key: Buffer.from(originator),
    value: Buffer.from(JSON.stringify(conversation)),
    headers: {
      reason: 'conversation_refused_by_postgres',
      detail: refused.message,
      sqlstate: refused.sqlState,
      'source-topic': topic,
      'source-partition': String(conversation.partition),
      'source-offset': String(conversation.offset),
    },
  };
}

/** A packet that Postgres refused, as a record of its own. */
export function refusedLetter(topic: string, packet: UnitPacket, refused: RefusedRow): DeadLetter {
  return {
    key: Buffer.from(packet.source),
    value: packet.value,
    headers: {
      reason: 'refused_by_postgres',
      detail: refused.message,
      sqlstate: refused.sqlState,
      'source-topic': topic,
      'source-partition': String(packet.partition),
      'source-offset': String(packet.offset),
      'source-index': String(packet.index),
    },
  };
}
