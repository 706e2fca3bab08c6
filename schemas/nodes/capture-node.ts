/**
 * The heartbeat of a capture node, JSON on the topic `capture-nodes` (key: the node). The latest record of a node is
 * its state; counters are cumulative since the node started.
 */
export interface CaptureInterfaceStatus {
  readonly name: string;
  /** Frames the engine handed over. */
  readonly seen: number;
  readonly bytes: number;
  readonly kernel_dropped: number;
  readonly engine: string;
  readonly up: boolean;
}

export interface CaptureNodeStatus {
  readonly capture_node: string;
  readonly version: string;
  /** ISO 8601: when the node started and when this heartbeat was made, by the node's clock. */
  readonly started_at: string;
  readonly sent_at: string;
  /** The node sends a heartbeat at least this often, milliseconds; silent for 3 of them it is stale, for 10 offline. */
  readonly interval_ms: number;
  readonly interfaces: readonly CaptureInterfaceStatus[];
  readonly packets_per_second: number;
  readonly bits_per_second: number;
  /** The balance: seen = published + the sum of dropped, once everything in flight has settled. */
  readonly seen: number;
  readonly published: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly spool_bytes: number;
  readonly spool_max_bytes: number;
  /** Set on the last heartbeat of a node that was stopped on purpose. */
  readonly stopped: boolean;
}

export type CaptureNodeState = 'online' | 'stale' | 'offline' | 'stopped';

/** The state of a node whose last heartbeat was received `age` milliseconds ago. */
export function captureNodeState(
  status: Pick<CaptureNodeStatus, 'interval_ms' | 'stopped'>,
  ageMs: number,
): CaptureNodeState {
  if (status.stopped) return 'stopped';
  if (ageMs > 10 * status.interval_ms) return 'offline';
  if (ageMs > 3 * status.interval_ms) return 'stale';
  return 'online';
}
