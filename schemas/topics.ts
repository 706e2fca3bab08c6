/**
 * The topic catalogue: every topic the stages meet at, with its key, value and how long it is kept. `nta setup` creates
 * what is missing from it and never shrinks or deletes anything.
 */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface TopicDefinition {
  readonly name: string;
  readonly key: string;
  readonly value: string;
  /** Whether it has as many partitions as `packets`, so that a worker's partition number is the same in all of them. */
  readonly copartitioned: boolean;
  /** Kafka topic configuration. */
  readonly config: Readonly<Record<string, string>>;
}

export const TOPICS = {
  packets: {
    name: 'packets',
    key: 'source address as text (RFC 5952), a MAC where there is no network address; VLAN and interface of what concerns a link, the network of what concerns one; empty where a flush held several sources of a partition with fewer than 16 packets each: the record holds them all',
    value: 'Avro PacketBatch',
    copartitioned: true,
    // The broker's own time of arrival, so that a capture node whose clock is wrong can be told by it.
    config: {
      'retention.ms': String(24 * HOUR_MS),
      'max.message.bytes': '4194304',
      'message.timestamp.type': 'LogAppendTime',
    },
  },
  alerts: {
    name: 'alerts',
    key: 'source address as text',
    value: 'ECS JSON, one episode event a record',
    copartitioned: true,
    config: { 'retention.ms': String(7 * DAY_MS) },
  },
  alertEpisodes: {
    name: 'alert-episodes',
    key: 'partition, detector and key',
    value: 'JSON: an open episode; no value once it is closed',
    copartitioned: true,
    // Workers write their whole state again every 20 minutes and read from there on, so what is older may shrink early.
    config: {
      'cleanup.policy': 'compact',
      'min.compaction.lag.ms': String(HOUR_MS),
      'segment.bytes': '16777216',
      'max.message.bytes': '4194304',
    },
  },
  packetsDeadLetter: {
    name: 'packets-dead-letter',
    key: 'as the refused record',
    value: 'the refused record, the reason in its headers',
    copartitioned: false,
    config: { 'retention.ms': String(7 * DAY_MS), 'max.message.bytes': '4194304' },
  },
  alertsDeadLetter: {
    name: 'alerts-dead-letter',
    key: 'as the refused record',
    value: 'an alert event that a receiver refused, the reason in its headers',
    copartitioned: false,
    config: { 'retention.ms': String(7 * DAY_MS) },
  },
  captureNodes: {
    name: 'capture-nodes',
    key: 'capture node',
    value: 'JSON: the node’s latest heartbeat',
    copartitioned: false,
    config: { 'cleanup.policy': 'compact' },
  },
  rules: {
    name: 'rules',
    key: 'processor and its configuration',
    value: 'JSON: the rules that it has in force',
    copartitioned: false,
    config: { 'cleanup.policy': 'compact' },
  },
  exceptions: {
    name: 'exceptions',
    key: 'exception',
    value: 'JSON: the exception, from the API; no value once it is deleted',
    copartitioned: false,
    config: { 'cleanup.policy': 'compact' },
  },
} as const satisfies Record<string, TopicDefinition>;

export type TopicId = keyof typeof TOPICS;

/** The name of a topic on the cluster. */
export function topicName(topic: TopicId, prefix: string): string {
  return `${prefix}${TOPICS[topic].name}`;
}

/** Consumer groups: what commits offsets on `packets`, `alerts`, `capture-nodes` and `rules`; of the hunt the number of its last run. */
export const GROUPS = {
  processors: 'nta-processors',
  packetSink: 'nta-sink-packets',
  alertSink: 'nta-sink-alerts',
  nodeSink: 'nta-sink-nodes',
  ruleSink: 'nta-sink-rules',
  hunt: 'nta-hunt',
} as const;

export function groupName(group: keyof typeof GROUPS, prefix: string): string {
  return `${prefix}${GROUPS[group]}`;
}

/** The group of a delivery of alerts: of an output, and of a name where there are several. */
export function deliveryGroup(output: string, name: string, prefix: string): string {
  return `${prefix}nta-sink-${output}${name === '' ? '' : `-${name}`}`;
}
