/** Each internal of kafkajs that is used is there in the version that is installed; an upgrade that breaks one names it here. */
import { createRequire } from 'node:module';
import kafkajs, { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import {
  createClusterSymbol,
  encodedRequest,
  type KAFKAJS_INTERNALS,
} from '../../../runtime/kafka/kafkajs-internals.js';
import { fetchedOffset } from '../../../runtime/kafka/reading-place.js';

const require = createRequire(import.meta.url);
const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING });

type Methods = Record<string, unknown>;
interface Brokers extends Methods {
  readonly seedBroker: Methods & {
    readonly connectionPool: Methods & { readonly pool: (Methods & { requestQueue: Methods })[] };
  };
  createSeedBroker(): Promise<void>;
}

const cluster = (kafka as unknown as Record<symbol, (options: object) => Methods & { brokerPool: Brokers }>)[
  createClusterSymbol(kafka)
]!({});
const { brokerPool } = cluster;
await brokerPool.createSeedBroker();
const broker = brokerPool.seedBroker;
const [requests, fetches] = broker.connectionPool.pool;

function expectFunctions(object: Methods | undefined, ...names: string[]): void {
  for (const name of names) expect(object?.[name], name).toBeTypeOf('function');
}

const CHECKS: Record<keyof typeof KAFKAJS_INTERNALS, () => void> = {
  'Kafka private:Kafka:createCluster': () => expect(createClusterSymbol(kafka)).toBeTypeOf('symbol'),
  'Cluster.connect and .disconnect': () => expectFunctions(cluster, 'connect', 'disconnect'),
  'Cluster.findBroker': () => expectFunctions(cluster, 'findBroker'),
  'Cluster.addTargetTopic and .findLeaderForPartitions': () =>
    expectFunctions(cluster, 'addTargetTopic', 'findLeaderForPartitions'),
  'Cluster.findGroupCoordinatorMetadata': () => expectFunctions(cluster, 'findGroupCoordinatorMetadata'),
  'Cluster.findTopicPartitionMetadata': () => expectFunctions(cluster, 'findTopicPartitionMetadata'),
  'Cluster.brokerPool.findConnectedBroker': () => expectFunctions(brokerPool, 'findConnectedBroker'),
  'Broker.lookupRequest': () => expectFunctions(broker, 'lookupRequest'),
  'Broker.fetch': () => expectFunctions(broker, 'fetch'),
  'Broker.leaveGroup': () => expectFunctions(broker, 'leaveGroup'),
  'Broker.connectionPool.pool of two': () => {
    expect(broker.connectionPool.pool).toHaveLength(2);
    expect(fetches).not.toBe(requests);
  },
  'Broker.connectionPool.send': () => expectFunctions(broker.connectionPool, 'send'),
  'Connection.send, .isConnected, .isAuthenticated and .nextCorrelationId': () => {
    expectFunctions(requests, 'send', 'isConnected', 'isAuthenticated', 'nextCorrelationId');
    expect(requests).toHaveProperty('clientId');
    expect(requests).toHaveProperty('sasl');
  },
  'Connection.socketFactory and .processData': () => {
    expectFunctions(fetches, 'socketFactory', 'processData');
    expect(fetches).toHaveProperty('authHandlers');
  },
  'Connection.requestQueue.push, .maybeThrottle and .fulfillRequest': () =>
    expectFunctions(requests?.requestQueue, 'push', 'maybeThrottle', 'fulfillRequest'),
  'Encoder.writeBufferInternal': () => expect(encodedRequest(Buffer.from('ab')).buffer).toEqual(Buffer.from('ab')),
  'partitionAssigners get the cluster': () => {
    let lent: unknown;
    kafka.consumer({
      groupId: 'g',
      partitionAssigners: [
        (config) => {
          lent = config.cluster;
          return { name: 'none', version: 0, assign: () => Promise.resolve([]), protocol: () => unused() };
        },
      ],
    });
    expectFunctions(lent as Methods | undefined, 'findGroupCoordinator');
  },
  'Batch.fetchedOffset': () => {
    const Batch = require('kafkajs/src/consumer/batch.js') as new (...args: unknown[]) => object;
    expect(fetchedOffset(new Batch('topic', '7', { partition: 0, highWatermark: '9', messages: [] }))).toBe(7);
  },
  CompressionCodecs: () => expectFunctions(kafkajs.CompressionCodecs as unknown as Methods, '1', '2', '3', '4'),
  'requests made of an order: request.encode, response.decode and .parse': () => {
    const { requests: known } = require('kafkajs/src/protocol/requests/index.js') as {
      requests: {
        Fetch: { protocol(of: { version: number }): (order: object) => { request: Methods; response: Methods } };
      };
    };
    const made = known.Fetch.protocol({ version: 11 })({ topics: [] });
    expectFunctions(made.request, 'encode');
    expect(made.request).toMatchObject({ apiKey: 1, apiVersion: 11, apiName: 'Fetch' });
    expectFunctions(made.response, 'decode', 'parse');
  },
};

function unused(): never {
  throw new Error('this consumer is not meant to join its group');
}

describe('kafkajs has', () => {
  it.each(Object.entries(CHECKS))('%s', (_, check) => check());
});
