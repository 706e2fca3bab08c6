/**
 * A broker that lets no login live for long (connections.max.reauth.ms, KIP-368): it closes a connection that sends anything
 * but a new login after that. Records are published and read all the while, over sockets of ours and over TLS.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, Kafka } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Publisher } from '../../../producers/publisher/publisher.js';
import { createKafka } from '../../../runtime/kafka/client.js';
import { type Connection, withBrokers } from '../../../runtime/kafka/kafkajs-internals.js';
import { createRecordConsumer, recordsOf } from '../../../runtime/kafka/record-consumer.js';
import { kafkaSettings, testLog } from '../../support/local-stack.js';
import { findTool, requireTool } from '../../support/requirement.js';
import {
  KAFKA_PASSWORD,
  KAFKA_USER,
  type SecuredKafka,
  type SecuredListener,
  startSecuredKafka,
} from '../../support/secured-kafka.js';
import { until } from '../../support/sink-rows.js';

/** kafkajs logs in again 10 s before the end of a login: once a second here. */
const LOGIN_LIFETIME_MS = 11_000;
const TEST_MS = 16_000;
const PARTITIONS = 3;
const TOPIC = 'renewals';

let broker: SecuredKafka;

beforeAll(async () => {
  if (findTool('openssl') === undefined) return;
  broker = await startSecuredKafka({ loginLifetimeMs: LOGIN_LIFETIME_MS });
  const admin = clientOf('SASL_PLAINTEXT', 'plain').admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
});
afterAll(() => broker?.remove());

function clientOf(listener: SecuredListener, mechanism: 'plain' | 'scram-sha-512'): Kafka {
  const settings = {
    ...kafkaSettings([broker.address(listener)], ''),
    ...(listener === 'SASL_SSL' ? { kafkaSsl: true, kafkaSslCa: broker.authority } : {}),
    kafkaSaslMechanism: mechanism,
    kafkaSaslUsername: KAFKA_USER,
    kafkaSaslPassword: KAFKA_PASSWORD,
  };
  return createKafka(settings, 'test', testLog());
}

/** Everything that comes, and the sockets over which it came. */
class Reading {
  readonly values: number[] = [];
  readonly sockets = new Set<Socket>();
  private readonly consumer: Consumer;
  private connection: Connection | undefined;

  constructor(kafka: Kafka, groupId: string, keepsRecords: boolean) {
    const watched = withBrokers(kafka, ({ connectionPool }) => {
      this.connection = connectionPool.pool[1]!;
    });
    this.consumer = createRecordConsumer(watched, { groupId, keepsRecords, maxWaitTimeInMs: 100 });
  }

  async start(): Promise<void> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: TOPIC, fromBeginning: true });
    await this.consumer.run({
      eachBatch: async ({ batch }) => {
        this.sockets.add(this.connection!.socket);
        for (const { value } of recordsOf(batch).messages()) this.values.push(value!.readUInt32BE());
      },
    });
  }

  stop(): Promise<void> {
    return this.consumer.disconnect();
  }
}

it('neither loses nor repeats a record, and closes no connection', { timeout: 90_000 }, async (context) => {
  requireTool(context, 'openssl');
  const readings = [
    new Reading(clientOf('SASL_PLAINTEXT', 'plain'), 'plain', false),
    new Reading(clientOf('SASL_PLAINTEXT', 'scram-sha-512'), 'scram', true),
    new Reading(clientOf('SASL_SSL', 'scram-sha-512'), 'tls', false),
  ];
  const nothing = (): void => undefined;
  const listener = { onSettled: nothing, onPublished: nothing, onRefused: nothing, onStuck: nothing };
  const publishers = [
    new Publisher(clientOf('SASL_PLAINTEXT', 'plain'), TOPIC, listener, testLog()),
    new Publisher(clientOf('SASL_SSL', 'scram-sha-512'), TOPIC, listener, testLog()),
  ];
  let sent = 0;
  try {
    await Promise.all([...readings, ...publishers].map((part) => part.start()));
    for (const end = performance.now() + TEST_MS; performance.now() < end; await sleep(7)) {
      for (const publisher of publishers) {
        for (let index = 0; index < 3; index++) {
          const value = Buffer.alloc(400);
          value.writeUInt32BE(sent++);
          publisher.publish({
            key: Buffer.from(`key ${sent % 50}`),
            value,
            packets: 1,
            interfaceName: 'test',
            memory: null,
          });
        }
      }
    }
    for (const publisher of publishers) await publisher.settled();
    await until(async () => readings.every(({ values }) => values.length >= sent), 20_000);
    for (const { values, sockets } of readings) {
      expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, index) => index));
      expect(sockets.size).toBe(1);
    }
    // With a new producer session a request might have been written twice.
    expect(publishers.map(({ renewals }) => renewals)).toEqual([0, 0]);
  } finally {
    await Promise.allSettled([...readings, ...publishers].map((part) => part.stop()));
  }
});
