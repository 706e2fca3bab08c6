/**
 * Produce requests on their way to a broker, written into memory that is used again. kafkajs copies the body of a request
 * twice, each time into a megabyte of its own that it first fills with zeros, and V8, which counts such memory, walks the
 * heap for every few tens of megabytes of it.
 *
 * A request is answered once the broker has read it whole, so the socket holds nothing of it any more. Of one that is not
 * answered (a timeout, a connection that closes) the socket may: its memory is left to the garbage collector.
 */
import type { Kafka } from 'kafkajs';
import {
  type Broker,
  type Connection,
  type EncodedRequest,
  type ProtocolRequest,
  replaceRequests,
  withBrokers,
} from './kafkajs-internals.js';
import {
  encodeProduceOrder,
  type PlainProduceOrder,
  type ProducedMessage,
  type ProduceOrder,
  produceRequestBytesMax,
  putProduceRequest,
} from './produce-request.js';

const PRODUCE_API = 0;
/** Versions whose requests are the same but for their number. */
const VERSION_MIN = 3;
const VERSION_MAX = 7;
/** kafkajs gives fetches a connection of their own; this is the one of everything else. */
const REQUEST_CONNECTION = 0;
/** A request below this is not worth keeping its memory, bytes. */
const KEPT_BYTES_MIN = 64 * 1024;
/** Nor is more than this kept: a request of a lane takes less, unless one record alone is larger. */
const KEPT_BYTES_MAX = 1280 * 1024;
/** As many as there are requests under way on a connection (`maxInFlightRequests`). */
const KEPT_MAX = 5;

/** A request that carries its order. */
export interface ProduceRequest extends ProtocolRequest {
  readonly request: ProtocolRequest['request'] & { readonly order: PlainProduceOrder };
}

/** A client like `kafka` whose producers write their requests here. */
export function withProduceRequests(kafka: Kafka): Kafka {
  return withBrokers(kafka, (broker) => {
    replaceRequests(broker, PRODUCE_API, replaceEncoder);
    writeProduceRequests(broker);
  });
}

function replaceEncoder(protocol: ProtocolRequest, order: ProduceOrder): ProtocolRequest | ProduceRequest {
  const { apiVersion } = protocol.request;
  if (apiVersion < VERSION_MIN || apiVersion > VERSION_MAX || !isPlain(order)) return protocol;
  const encode = async (): Promise<EncodedRequest> => {
    const bytes = encodeProduceOrder(order, Date.now());
    return { buf: bytes, buffer: bytes };
  };
  return { ...protocol, request: { ...protocol.request, encode, order } };
}

function isPlain(order: ProduceOrder): order is PlainProduceOrder {
  return (
    order.acks !== 0 && // without an acknowledgment there is no answer
    order.compression === 0 &&
    order.topicData.every(({ partitions }) => partitions.every(({ messages }) => messages.every(isPlainMessage)))
  );
}

function isPlainMessage({ key, value, headers, timestamp }: ProducedMessage): boolean {
  return Buffer.isBuffer(key) && Buffer.isBuffer(value) && headers === undefined && timestamp === undefined;
}

function isProduceRequest(protocol: ProtocolRequest): protocol is ProduceRequest {
  return 'order' in protocol.request;
}

/** Lets the requests that carry their order be written here. */
export function writeProduceRequests({ connectionPool }: Broker): void {
  const connection = connectionPool.pool[REQUEST_CONNECTION]!;
  const send = connection.send.bind(connection);
  const memory = new RequestMemory();
  connection.send = (protocol) =>
    // kafkajs logs in before its first request, and has the words for a connection that is not there.
    isProduceRequest(protocol) && connection.isConnected() && (connection.sasl === null || connection.isAuthenticated())
      ? sendProduceRequest(connection, protocol, memory)
      : send(protocol);
}

async function sendProduceRequest(
  connection: Connection,
  { request, response }: ProduceRequest,
  memory: RequestMemory,
): Promise<unknown> {
  const { apiKey, apiName, apiVersion, order } = request;
  const { requestQueue } = connection;
  const correlationId = connection.nextCorrelationId();
  let bytes: Buffer | undefined;
  const { payload } = await new Promise<{ readonly payload: Buffer }>((resolve, reject) => {
    requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: null,
      // Only when its turn has come: what waits takes no memory.
      sendRequest: () => {
        const head = { apiKey, apiVersion, correlationId, clientId: connection.clientId };
        bytes = memory.take(produceRequestBytesMax(head, order));
        const end = putProduceRequest(bytes, head, order, Date.now());
        connection.socket.write(bytes.subarray(0, end));
      },
    });
  });
  memory.give(bytes!);
  const decoded = await response.decode(payload);
  requestQueue.maybeThrottle((decoded as { readonly clientSideThrottleTime?: number }).clientSideThrottleTime);
  return response.parse(decoded);
}

/** Memory of requests that have been answered. */
class RequestMemory {
  private readonly kept: Buffer[] = [];

  take(length: number): Buffer {
    if (length < KEPT_BYTES_MIN || length > KEPT_BYTES_MAX) return Buffer.allocUnsafe(length);
    return this.kept.pop() ?? Buffer.allocUnsafeSlow(KEPT_BYTES_MAX);
  }

  give(bytes: Buffer): void {
    if (bytes.length === KEPT_BYTES_MAX && this.kept.length < KEPT_MAX) this.kept.push(bytes);
  }
}
