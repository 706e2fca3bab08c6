/**
 * How far each capture node of live traffic has come. An episode closes when the node that saw it last has come past its
 * quiet window, and the engine forgets those clocks with a worker. Nodes that are alive speak again within a second; for
 * one that has died the next worker has to know it, or the node's episodes would stay open for ever. So commits carry
 * the clocks of silent nodes, and what is read again tells those of the others.
 */

/** A node is silent when others had records for so long since its last, ms of Kafka's time. */
const SILENT_AFTER_MS = 10_000;
/** By then the engine has closed what the node left open. */
const FORGOTTEN_AFTER_MS = 15 * 60_000;
/** Room in the metadata of a commit, of which a broker takes 4096 bytes by default; older clocks go first. */
const METADATA_BYTES_MAX = 3_000;

/** By capture node, µs. */
export type NodeClocks = Readonly<Record<string, number>>;

interface LiveClock {
  clock: number;
  lastRecord: number;
}

export class LiveClocks {
  private readonly nodes = new Map<string, LiveClock>();
  private newestRecord = 0;

  observe(captureNode: string, micros: number, recordMs: number): void {
    if (recordMs > this.newestRecord) this.newestRecord = recordMs;
    const node = this.nodes.get(captureNode);
    if (node === undefined) {
      this.nodes.set(captureNode, { clock: micros, lastRecord: recordMs });
      return;
    }
    if (micros > node.clock) node.clock = micros;
    if (recordMs > node.lastRecord) node.lastRecord = recordMs;
  }

  /** Takes up the clocks of nodes that were silent at a commit; what has been observed since is newer. */
  restore(silent: NodeClocks): void {
    for (const [captureNode, clock] of Object.entries(silent)) {
      if (!this.nodes.has(captureNode)) this.nodes.set(captureNode, { clock, lastRecord: this.newestRecord });
    }
  }

  all(): NodeClocks {
    return Object.fromEntries([...this.nodes].map(([captureNode, { clock }]) => [captureNode, clock]));
  }

  /** The clocks that a commit has to carry. */
  silent(): NodeClocks {
    const silent: [string, number, number][] = [];
    for (const [captureNode, { clock, lastRecord }] of this.nodes) {
      const silence = this.newestRecord - lastRecord;
      if (silence > FORGOTTEN_AFTER_MS) this.nodes.delete(captureNode);
      else if (silence > SILENT_AFTER_MS) silent.push([captureNode, clock, lastRecord]);
    }
    if (silent.length === 0) return {};
    const kept: Record<string, number> = {};
    let bytes = 2;
    for (const [captureNode, clock] of silent.sort((a, b) => b[2] - a[2])) {
      bytes += Buffer.byteLength(JSON.stringify(captureNode)) + String(clock).length + 2;
      if (bytes > METADATA_BYTES_MAX) break;
      kept[captureNode] = clock;
    }
    return kept;
  }
}
