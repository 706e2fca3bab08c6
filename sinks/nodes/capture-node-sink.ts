/** Stores the heartbeats of the topic `capture-nodes`: the latest of each node in the table capture_nodes. */
import type { KafkaMessage } from 'kafkajs';
import type pg from 'pg';
import type { CaptureNodeStatus } from '../../schemas/nodes/capture-node.js';
import { storable } from '../packets/origin-dictionary.js';
import { storableJson } from '../packets/packet-details.js';
import { type Announced, storeAnnounced } from './announcements.js';

const HEARTBEATS: Announced<CaptureNodeStatus> = {
  isValid: (status) =>
    typeof status.capture_node === 'string' &&
    typeof status.version === 'string' &&
    typeof status.stopped === 'boolean' &&
    Number.isInteger(status.interval_ms) &&
    !Number.isNaN(Date.parse(status.started_at)) &&
    !Number.isNaN(Date.parse(status.sent_at)),
  statement: (status, receivedAt) => ({
    name: 'nta-capture-node',
    text: `INSERT INTO capture_nodes
        (capture_node, version, started_at, sent_at, received_at, interval_ms, stopped, status)
      VALUES ($1, $2, $3, $4, coalesce(to_timestamp($5::double precision), now()), $6, $7, $8)
      ON CONFLICT (capture_node) DO UPDATE SET version = excluded.version, started_at = excluded.started_at,
        sent_at = excluded.sent_at, received_at = excluded.received_at, interval_ms = excluded.interval_ms,
        stopped = excluded.stopped, status = excluded.status`,
    values: [
      storable(status.capture_node),
      storable(status.version),
      status.started_at,
      status.sent_at,
      receivedAt,
      status.interval_ms,
      status.stopped,
      storableJson(status),
    ],
  }),
};

/** @returns how many could not be read; the next one is seconds away. */
export function storeHeartbeats(client: pg.ClientBase, messages: readonly KafkaMessage[]): Promise<number> {
  return storeAnnounced(client, messages, HEARTBEATS);
}
