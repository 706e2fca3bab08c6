/**
 * The one file that knows what kafkajs does not document. kafkajs keeps what it is good at: connections, versions, retries,
 * metadata, groups; requests that it writes or reads too slowly, or does not know, are written and read by code of ours in this
 * folder, through what is listed here. The test beside it looks for each of these in the kafkajs that is installed.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ISocketFactory, Kafka, Cluster as PublicCluster } from 'kafkajs';
import type { FetchOrder, FetchResponse } from './fetch-response.js';

/** Every internal that is used, and what for. */
export const KAFKAJS_INTERNALS = {
  'Kafka private:Kafka:createCluster': 'clients whose clusters and brokers are shown to code of ours',
  'Cluster.connect and .disconnect': 'a request outside of any consumer, producer or admin client',
  'Cluster.findBroker': 'brokers as they are found (withBrokers)',
  'Cluster.findGroupCoordinatorMetadata': 'coordinators asked for once in a while (kafka-coordinators.ts)',
  'Cluster.findTopicPartitionMetadata': 'how many partitions producers know (withPartitionCounts)',
  'Cluster.brokerPool.findConnectedBroker': 'the ids of topics (kafka-topic-ids.ts)',
  'Broker.lookupRequest': 'requests and answers of one API replaced (produce-connection.ts, fetch-response.ts)',
  'Broker.fetch':
    'the next fetch asked for while an answer is worked on (fetch-ahead.ts), and one without a group (compacted-topic.ts)',
  'Cluster.addTargetTopic and .findLeaderForPartitions':
    'who has a partition that is read without a group (compacted-topic.ts)',
  'Broker.leaveGroup': 'a member that has died leaves its group (member-eviction.ts)',
  'Broker.connectionPool.pool of two': 'the second connection is of fetches alone (fetch-connection.ts)',
  'Broker.connectionPool.send': 'a request that kafkajs does not know (kafka-topic-ids.ts)',
  'Connection.send, .isConnected, .isAuthenticated and .nextCorrelationId':
    'produce requests written into memory of ours',
  'Connection.socketFactory and .processData': 'answers to fetches joined in memory of ours (fetch-connection.ts)',
  'Connection.requestQueue.push, .maybeThrottle and .fulfillRequest': 'requests under way and what the broker wishes',
  'Encoder.writeBufferInternal': 'bytes of a request that are there already (kafka-topic-ids.ts)',
  'partitionAssigners get the cluster': 'the coordinator of a group (member-eviction.ts)',
  'Batch.fetchedOffset': 'whether a fetch brought what was asked for (reading-place.ts)',
  CompressionCodecs: 'compressed batches (record-batches.ts)',
  'requests made of an order: request.encode, response.decode and .parse': 'how requests are written and answers read',
} as const;

/** What kafkajs makes of an order: how the request is written and the response read. */
export interface ProtocolRequest {
  readonly request: {
    readonly apiKey: number;
    readonly apiName: string;
    readonly apiVersion: number;
    readonly encode: () => Promise<EncodedRequest>;
  };
  readonly response: {
    /** A `clientSideThrottleTime` in what it gives is heeded by kafkajs, ms. */
    readonly decode: (payload: Buffer) => Promise<unknown>;
    /** Throws what the decoded response says has failed. */
    readonly parse: (decoded: unknown) => Promise<unknown>;
  };
}

/** The parts of kafkajs's Encoder that are read of a request's body. */
export interface EncodedRequest {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

/** Gives a request of the same kind, with parts replaced, or the very same. */
export type ReplaceRequest<Order> = (protocol: ProtocolRequest, order: Order) => ProtocolRequest;

type RequestMaker = (order: unknown) => ProtocolRequest;

export interface Broker {
  lookupRequest(apiKey: number, definition: unknown): RequestMaker;
  /** Asks for records. A consumer asks again when everything of the last response has been worked on. */
  fetch(order: FetchOrder): Promise<FetchResponse>;
  readonly connectionPool: { readonly pool: readonly Connection[] };
}

/** A connection to a broker, which kafkajs opens and closes. */
export interface Connection {
  /** Sends a request and gives what its answer says. */
  send(protocol: ProtocolRequest): Promise<unknown>;
  isConnected(): boolean;
  /** How to log in; null when nobody has to. */
  readonly sasl: object | null;
  /** Whether a login is there and has not run out; never without one. */
  isAuthenticated(): boolean;
  nextCorrelationId(): number;
  readonly clientId: string;
  /** Makes the socket, each time it is opened. */
  socketFactory: ISocketFactory;
  /** Takes what came from the broker. */
  processData(data: Buffer): void;
  readonly socket: Socket;
  /** There while the client logs in. */
  readonly authHandlers: object | null;
  readonly requestQueue: {
    /** Sends a request when fewer than `maxInFlightRequests` are under way, at once if so. */
    push(request: {
      readonly entry: {
        readonly apiKey: number;
        readonly apiName: string;
        readonly apiVersion: number;
        readonly correlationId: number;
        readonly resolve: (answer: { readonly payload: Buffer }) => void;
        readonly reject: (reason: unknown) => void;
      };
      readonly expectResponse: boolean;
      /** null is that of the client. */
      readonly requestTimeout: number | null;
      readonly sendRequest: () => void;
    }): void;
    /** Obeys the throttling time of the broker, ms. */
    maybeThrottle(clientSideThrottleTime: number | undefined): void;
    fulfillRequest(answer: { readonly size: number; readonly correlationId: number; readonly payload: Buffer }): void;
  };
}

/** What is coordinated: the group (type 0) or the transactions (type 1) of this id. */
export interface CoordinatorOf {
  readonly groupId: string;
  readonly coordinatorType: number;
}

/** What kafkajs knows of the brokers; each consumer, producer and admin client has one. */
export interface Cluster {
  findBroker(of: { readonly nodeId: string }): Promise<Broker>;
  /** The partitions of a topic, of those that it asks brokers about. */
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
  /** Asks a broker which one coordinates. */
  findGroupCoordinatorMetadata(of: CoordinatorOf): Promise<unknown>;
}

/** A fetch as kafkajs itself writes and reads it. */
export interface PlainFetch {
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly fetchOffset: string;
      readonly maxBytes: number;
    }[];
  }[];
}

export interface PlainRecords {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly messages: readonly {
        readonly offset: string;
        readonly key: Buffer | null;
        readonly value: Buffer | null;
      }[];
    }[];
  }[];
}

/** A cluster that is not a consumer's, producer's or admin client's. */
export interface OwnCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  /** The partitions of a topic by the broker that leads them. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
  findBroker(of: { readonly nodeId: string }): Promise<{ fetch(order: PlainFetch): Promise<PlainRecords> }>;
  readonly brokerPool: {
    findConnectedBroker(): Promise<{
      readonly connectionPool: { send(protocol: ProtocolRequest): Promise<unknown> };
    }>;
  };
}

/** To be connected and disconnected by whoever asked for it. */
export function createOwnCluster(kafka: Kafka): OwnCluster {
  const createCluster = (kafka as unknown as Record<symbol, (options: object) => OwnCluster>)[
    createClusterSymbol(kafka)
  ]!;
  return createCluster({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}

/** The broker that leads the one partition of a topic. */
export async function singleLeader(
  cluster: OwnCluster,
  topic: string,
): Promise<{ fetch(order: PlainFetch): Promise<PlainRecords> }> {
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [0]));
  if (nodeId === undefined) throw new Error(`nobody leads ${topic}`);
  return cluster.findBroker({ nodeId });
}

interface Encoder extends EncodedRequest {
  writeBufferInternal(bytes: Buffer): void;
}

/** Bytes as what kafkajs appends to the header that it writes. */
export function encodedRequest(bytes: Buffer): EncodedRequest {
  const KafkaEncoder = createRequire(import.meta.url)('kafkajs/src/protocol/encoder.js') as new () => Encoder;
  const encoder = new KafkaEncoder();
  encoder.writeBufferInternal(bytes);
  return encoder;
}

interface GroupCoordinator {
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
}

/** The coordinator of a group, by the cluster that kafkajs lends to partition assigners. */
export async function groupCoordinator(cluster: PublicCluster, groupId: string): Promise<GroupCoordinator> {
  return (await cluster.findGroupCoordinator({ groupId })) as unknown as GroupCoordinator;
}

type CreateCluster = (options: object) => Cluster;

/** A client like `kafka` that shows `prepare` each broker it finds, before the first request that names the broker. */
export function withBrokers(kafka: Kafka, prepare: (broker: Broker) => void): Kafka {
  return withClusters(kafka, (cluster) => {
    const findBroker = cluster.findBroker.bind(cluster);
    const known = new WeakSet<Broker>();
    cluster.findBroker = async (of) => {
      const broker = await findBroker(of);
      if (!known.has(broker)) prepare(broker);
      known.add(broker);
      return broker;
    };
  });
}

/** A client like `kafka` that shows `prepare` each cluster it makes. What `kafka` itself makes stays as it is. */
export function withClusters(kafka: Kafka, prepare: (cluster: Cluster) => void): Kafka {
  const symbol = createClusterSymbol(kafka);
  const createCluster = (kafka as unknown as Record<symbol, CreateCluster>)[symbol]!;
  const createOurs: CreateCluster = (options) => {
    const cluster = createCluster(options);
    prepare(cluster);
    return cluster;
  };
  return Object.create(kafka, { [symbol]: { value: createOurs } }) as Kafka;
}

/**
 * A client like `kafka` that says how many partitions its producers know of a topic, at each request. A request for others
 * would be dropped by kafkajs without a word.
 */
export function withPartitionCounts(kafka: Kafka, onCount: (topic: string, partitions: number) => void): Kafka {
  return withClusters(kafka, (cluster) => {
    const find = cluster.findTopicPartitionMetadata.bind(cluster);
    cluster.findTopicPartitionMetadata = (topic) => {
      const partitions = find(topic);
      onCount(topic, partitions.length);
      return partitions;
    };
  });
}

/** The symbol under which a client keeps the function that makes clusters. */
export function createClusterSymbol(kafka: Kafka): symbol {
  for (let object: object | null = kafka; object !== null; object = Object.getPrototypeOf(object)) {
    const symbol = Object.getOwnPropertySymbols(object).find(
      ({ description }) => description === 'private:Kafka:createCluster',
    );
    if (symbol !== undefined) return symbol;
  }
  throw new Error('this kafkajs has no private:Kafka:createCluster');
}

/** Passes every request of one API to this broker through `replace`. */
export function replaceRequests<Order>(broker: Broker, ownKey: number, replace: ReplaceRequest<Order>): void {
  let lookup = broker.lookupRequest;
  const lookupOurs: Broker['lookupRequest'] = (apiKey, definition) => {
    const make = lookup(apiKey, definition);
    return apiKey === ownKey ? (order) => replace(make(order), order as Order) : make;
  };
  // kafkajs assigns it again whenever it connects.
  Object.defineProperty(broker, 'lookupRequest', {
    get: () => lookupOurs,
    set: (assigned: Broker['lookupRequest']) => {
      lookup = assigned;
    },
  });
}
