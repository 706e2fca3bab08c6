/**
 * Requests of kafkajs that are written or read by code of ours. kafkajs keeps what it is good at: connections, versions,
 * retries, metadata, groups. This takes eight of its internals: the symbol of the function that makes a cluster,
 * `findBroker`, `findGroupCoordinatorMetadata`, `lookupRequest`, the request and response that a definition makes of an order, that a broker's second
 * connection is there for fetches alone, the queue of requests of a connection, and that `fetch` is asked for records once
 * the last ones are worked on.
 */
import type { Socket } from 'node:net';
import type { ISocketFactory, Kafka } from 'kafkajs';
import type { FetchOrder, FetchResponse } from './fetch-response.js';

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
    /** Heeds what the broker wishes, ms. */
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
  /** Asks a broker which one coordinates. */
  findGroupCoordinatorMetadata(of: CoordinatorOf): Promise<unknown>;
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
  // kafkajs assigns it anew whenever it connects.
  Object.defineProperty(broker, 'lookupRequest', {
    get: () => lookupOurs,
    set: (assigned: Broker['lookupRequest']) => {
      lookup = assigned;
    },
  });
}
