/**
 * The ids that Kafka gives topics (KIP-516): a topic that was deleted and created again under its name has another one. A sink that
 * keeps offsets in its own tables would else pass over the first records of the new topic, up to the offset it had reached in the
 * old one, and nobody would hear of it; nothing but the id tells.
 *
 * kafkajs speaks Metadata up to version 6, and ids came with version 10, so the request is written here and sent over a
 * connection that kafkajs has made (with its TLS and SASL).
 */
import type { Kafka } from 'kafkajs';
import { createOwnCluster, encodedRequest, type OwnCluster } from './kafkajs-internals.js';

const METADATA_API = 3;
/** Kafka 2.8 and later answer it: KIP-516's ids, KIP-482's compact encodings. */
const METADATA_VERSION = 12;
const UNKNOWN_ID = '00000000-0000-0000-0000-000000000000';

/** Asks over one connection, which stays for the next time; another is made when it has ended meanwhile. */
export class TopicIds {
  private cluster: Promise<OwnCluster> | null = null;

  constructor(private readonly kafka: Kafka) {}

  /**
   * Topic name → id as a UUID. Topics that do not exist are missing from it, and all are when the broker is older
   * than Kafka 2.8.
   */
  async of(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const isKept = this.cluster !== null;
    try {
      return await this.ask(topics);
    } catch (error) {
      if (!isKept) throw error;
      return this.ask(topics);
    }
  }

  async close(): Promise<void> {
    const { cluster } = this;
    this.cluster = null;
    await cluster?.then((connected) => connected.disconnect()).catch(() => undefined);
  }

  private async ask(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    this.cluster ??= connect(this.kafka);
    const { cluster } = this;
    try {
      const broker = await (await cluster).brokerPool.findConnectedBroker();
      const ids = await broker.connectionPool.send({
        request: {
          apiKey: METADATA_API,
          apiVersion: METADATA_VERSION,
          apiName: 'Metadata',
          encode: async () => encodedRequest(encodeRequest(topics)),
        },
        response: { decode: async (payload) => decodeResponse(payload), parse: async (decoded) => decoded },
      });
      return ids as ReadonlyMap<string, string>;
    } catch (error) {
      if (this.cluster === cluster) await this.close();
      throw error;
    }
  }
}

async function connect(kafka: Kafka): Promise<OwnCluster> {
  const cluster = createOwnCluster(kafka);
  await cluster.connect();
  return cluster;
}

/** What `TopicIds` says, for who asks once. */
export async function fetchTopicIds(kafka: Kafka, topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const ids = new TopicIds(kafka);
  try {
    return await ids.of(topics);
  } finally {
    await ids.close();
  }
}

function encodeRequest(topics: readonly string[]): Buffer {
  const noTags = Buffer.from([0]);
  const parts = [noTags, unsignedVarint(topics.length + 1)]; // kafkajs writes header version 1; its tags make it 2
  for (const topic of topics) {
    const name = Buffer.from(topic, 'utf8');
    parts.push(Buffer.alloc(16), unsignedVarint(name.length + 1), name, noTags);
  }
  parts.push(Buffer.from([0, 0]), noTags); // allow_auto_topic_creation, include_topic_authorized_operations
  return Buffer.concat(parts);
}

function unsignedVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Throws a RangeError where the answer is cut short. */
class CompactReader {
  at = 0;

  constructor(private readonly bytes: Buffer) {}

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes.readUInt8(this.at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** Null and empty are both the empty string. */
  string(): string {
    const length = Math.max(0, this.varint() - 1);
    this.at += length;
    if (this.at > this.bytes.length) throw new RangeError('the metadata answer is cut short');
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  uuid(): string {
    const hex = this.bytes.toString('hex', this.at, this.at + 16);
    this.at += 16;
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  skipTags(): void {
    for (let tags = this.varint(); tags > 0; tags--) {
      this.varint();
      const length = this.varint(); // apart: `+=` would have read `at` before it moved
      this.at += length;
    }
  }

  skipInt32Array(): void {
    const items = Math.max(0, this.varint() - 1);
    this.at += 4 * items;
  }

  skipArray(skipItem: () => void): void {
    for (let items = this.varint() - 1; items > 0; items--) skipItem();
  }
}

function decodeResponse(payload: Buffer): ReadonlyMap<string, string> {
  const reader = new CompactReader(payload);
  const ids = new Map<string, string>();
  reader.skipTags(); // of the response header
  reader.at += 4; // throttle_time_ms
  reader.skipArray(() => {
    reader.at += 4; // node_id
    reader.string(); // host
    reader.at += 4; // port
    reader.string(); // rack
    reader.skipTags();
  });
  reader.string(); // cluster_id
  reader.at += 4; // controller_id
  reader.skipArray(() => {
    const errorCode = reader.int16();
    const name = reader.string();
    const id = reader.uuid();
    reader.at += 1; // is_internal
    reader.skipArray(() => {
      reader.at += 2 + 4 + 4 + 4; // error_code, partition_index, leader_id, leader_epoch
      reader.skipInt32Array(); // replica_nodes
      reader.skipInt32Array(); // isr_nodes
      reader.skipInt32Array(); // offline_replicas
      reader.skipTags();
    });
    reader.at += 4; // topic_authorized_operations
    reader.skipTags();
    if (errorCode === 0 && id !== UNKNOWN_ID) ids.set(name, id);
  });
  return ids;
}
