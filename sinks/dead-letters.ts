/**
 * What the sink could not store, on `packets-dead-letter`, with the reason in the headers.
 *
 * The header `stage` is `sink`: a record that nobody can read is there twice, once from the processors and once from here, because each
 * group answers for what it skipped, whether the other runs or not. A repeat after a crash is possible;
 * `source-topic`, `source-partition`, `source-offset` and `source-index` tell it from another.
 */
import type { IHeaders, Kafka, Producer } from 'kafkajs';

export interface DeadLetter {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
}

export class DeadLetters {
  private producer: Producer | null = null;

  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
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
