/**
 * A consumer of kafkajs whose batches are read in place (`fetched-records.ts`). Its group, its heartbeats and its fetches
 * are kafkajs's; only the answers to fetches are read here. It is to be run with `eachBatch`: the one message of a batch
 * is no message, and `resolveOffset` and `seek` mean offsets of records as ever.
 */
import type { Batch, Consumer, ConsumerConfig, Kafka } from 'kafkajs';
import { fetchAhead } from './fetch-ahead.js';
import { joinFetchAnswers } from './fetch-connection.js';
import { decodeFetchResponse, FETCH_API, type FetchOrder, type RecordCarrier } from './fetch-response.js';
import type { FetchedRecords } from './fetched-records.js';
import { type ProtocolRequest, replaceRequests, withBrokers } from './kafkajs-internals.js';

export interface RecordConsumerConfig extends ConsumerConfig {
  /** Whether parts of records are kept beyond `eachBatch`. Otherwise a later fetch overwrites them. */
  readonly keepsRecords: boolean;
}

export function createRecordConsumer(kafka: Kafka, { keepsRecords, ...config }: RecordConsumerConfig): Consumer {
  let generation = 0;
  const client = withBrokers(kafka, (broker) => {
    replaceRequests(broker, FETCH_API, readHere);
    joinFetchAnswers(broker, !keepsRecords);
    fetchAhead(broker, () => generation);
  });
  const consumer = client.consumer(config);
  consumer.on(consumer.events.GROUP_JOIN, () => {
    generation++;
  });
  return consumer;
}

function readHere(protocol: ProtocolRequest, order: FetchOrder): ProtocolRequest {
  const { apiVersion } = protocol.request;
  const decode = (payload: Buffer) => decodeFetchResponse(payload, apiVersion, order);
  return { ...protocol, response: { ...protocol.response, decode } };
}

/** The records of a batch; they can be read once. */
export function recordsOf(batch: Batch): FetchedRecords {
  const [carrier] = batch.messages as unknown as readonly RecordCarrier[];
  if (carrier?.records === undefined) throw new Error('this batch is not one of a record consumer');
  return carrier.records;
}
