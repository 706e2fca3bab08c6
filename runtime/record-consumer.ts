/**
 * A consumer of kafkajs whose batches are read in place (`fetched-records.ts`). Its group, its heartbeats and its fetches
 * are kafkajs's; only the answers to fetches are read here. It is to be run with `eachBatch`: the one message of a batch
 * is no message, and `resolveOffset` and `seek` mean offsets of records as ever.
 */
import type { Batch, Consumer, ConsumerConfig, Kafka } from 'kafkajs';
import { joinFetchAnswers } from './fetch-connection.js';
import { decodeFetchResponse, FETCH_API, type FetchOrder, type RecordCarrier } from './fetch-response.js';
import type { FetchedRecords } from './fetched-records.js';
import { type ProtocolRequest, replaceRequests, withBrokers } from './kafka-requests.js';

export interface RecordConsumerConfig extends ConsumerConfig {
  /** Whether parts of records are kept beyond `eachBatch`. Otherwise the next fetch overwrites them. */
  readonly keepsRecords: boolean;
}

export function createRecordConsumer(kafka: Kafka, { keepsRecords, ...config }: RecordConsumerConfig): Consumer {
  const client = withBrokers(kafka, (broker) => {
    replaceRequests(broker, FETCH_API, readHere);
    joinFetchAnswers(broker, !keepsRecords);
  });
  return client.consumer(config);
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
