/**
 * Requests of kafkajs that are written or read by code of ours. kafkajs keeps what it is good at: connections, versions,
 * retries, metadata, groups. This takes four of its internals: the symbol of the function that makes a cluster,
 * `findBroker`, `lookupRequest`, and the request and response that a definition makes of an order.
 */
import type { Kafka } from 'kafkajs';

/** What kafkajs makes of an order: how the request is written and the response read. */
export interface ProtocolRequest {
  readonly request: {
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

interface Broker {
  lookupRequest(apiKey: number, definition: unknown): RequestMaker;
}

interface Cluster {
  findBroker(of: { readonly nodeId: string }): Promise<Broker>;
}

type CreateCluster = (options: object) => Cluster;

/**
 * A client like `kafka` whose producers and consumers pass every request of one API through `replace`. What `kafka` itself
 * makes stays as it is.
 *
 * @param apiKey https://kafka.apache.org/protocol#protocol_api_keys
 */
export function withRequests<Order>(kafka: Kafka, apiKey: number, replace: ReplaceRequest<Order>): Kafka {
  const symbol = createClusterSymbol(kafka);
  const createCluster = (kafka as unknown as Record<symbol, CreateCluster>)[symbol]!;
  const createOurs: CreateCluster = (options) => {
    const cluster = createCluster(options);
    const findBroker = cluster.findBroker.bind(cluster);
    const known = new WeakSet<Broker>();
    cluster.findBroker = async (of) => {
      const broker = await findBroker(of);
      if (!known.has(broker)) intercept(broker, apiKey, replace as ReplaceRequest<unknown>);
      known.add(broker);
      return broker;
    };
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

/** kafkajs assigns `lookupRequest` anew whenever it connects. */
function intercept(broker: Broker, ownKey: number, replace: ReplaceRequest<unknown>): void {
  let lookup = broker.lookupRequest;
  const lookupOurs: Broker['lookupRequest'] = (apiKey, definition) => {
    const make = lookup(apiKey, definition);
    return apiKey === ownKey ? (order) => replace(make(order), order) : make;
  };
  Object.defineProperty(broker, 'lookupRequest', {
    get: () => lookupOurs,
    set: (assigned: Broker['lookupRequest']) => {
      lookup = assigned;
    },
  });
}
