/** Detection over captures in a thread of its own: blocks in, alerts out, in order. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DetectorStatistics } from '../../processors/engine/engine.js';
import type { DetectionSettings } from '../../processors/rules/detection-options.js';
import { Failure } from '../../runtime/process/failure.js';
import { projectRoot } from '../../runtime/process/project.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AnalysisAnswer, AnalysisMessage, AnalysisOrder, TrackedRows } from './analysis-thread.js';
import { createSharedColumns, type SharedColumns, writeShared } from './shared-block.js';

const ENTRY = join(projectRoot, 'dist', 'deploy', 'nta', 'analysis-thread.js');

/** Rows of a block. */
export const BLOCK_CAPACITY = 8192;
/**
 * Blocks that may be on their way, up to 0.8 MB each, made when they are first needed: as many as are decoded while the
 * thread starts.
 */
const BLOCKS_MAX = 32;

export class DetectionThread {
  private readonly worker: Worker;
  private readonly columns: SharedColumns[] = [];
  /** Slots of `columns` that the thread has given back. */
  private readonly free: number[] = [];
  private readonly failed: Promise<never>;
  /** Alerts that are being given, when whoever takes them is behind. */
  private giving: Promise<void> | null = null;
  private onFree: (() => void) | null = null;
  private onEnd: ((detectors: readonly DetectorStatistics[]) => void) | null = null;

  constructor(
    settings: DetectionSettings,
    /** A promise holds the thread back, one block a turn, until whoever takes the alerts has come to them. */
    private readonly onAlerts: (alerts: readonly AlertDocument[]) => void | Promise<void>,
  ) {
    const workerData: AnalysisOrder = { settings };
    this.worker = new Worker(ENTRY, { workerData });
    this.failed = new Promise((_, reject) => {
      this.worker.once('error', reject);
      this.worker.once('exit', (code) => reject(new Error(`the thread of detection ended with code ${code}`)));
      this.worker.on('message', (answer: AnalysisAnswer) => {
        if (answer.type === 'refused') return reject(new Failure(answer.code, answer.message));
        try {
          this.take(answer)?.catch(reject);
        } catch (error) {
          reject(error);
        }
      });
    });
    this.failed.catch(() => undefined);
  }

  /** Gives up waiting for `work` when the thread ends. @throws Failure `CONFIGURATION` or `DETECTOR` of `loadRules` */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.failed]);
  }

  /**
   * Takes the rows of a block over, of at most `BLOCK_CAPACITY`, and what their conversations came to. A promise only when
   * it has to wait for the thread.
   */
  process(block: PacketBlock, rows: TrackedRows): void | Promise<void> {
    const slot = this.free.pop() ?? this.addSlot(block);
    if (slot === null) return this.slotFree().then(() => this.process(block, rows));
    this.send({ type: 'block', slot, contents: writeShared(block, this.columns[slot]!), rows });
  }

  /** Takes over what conversations came to without a packet. */
  processRows(rows: TrackedRows): void {
    this.send({ type: 'rows', rows });
  }

  /** Ends a timeline; resolves when all its alerts have been given, with what each detector has counted so far. */
  endTimeline(timeline: string): Promise<readonly DetectorStatistics[]> {
    const ended = new Promise<readonly DetectorStatistics[]>((resolve) => {
      this.onEnd = resolve;
    });
    this.send({ type: 'end', timeline });
    return this.during(ended);
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }

  private addSlot(block: PacketBlock): number | null {
    if (this.columns.length === BLOCKS_MAX) return null;
    const columns = createSharedColumns(block);
    this.send({ type: 'columns', columns });
    return this.columns.push(columns) - 1;
  }

  private send(message: AnalysisMessage): void {
    this.worker.postMessage(message);
  }

  private slotFree(): Promise<void> {
    const freed = new Promise<void>((resolve) => {
      this.onFree = resolve;
    });
    return this.during(freed);
  }

  /** Alerts are given in order: each answer waits for those before it, and its block is not used again until then. */
  private take(answer: Exclude<AnalysisAnswer, { type: 'refused' }>): void | Promise<void> {
    const given =
      this.giving === null ? this.onAlerts(answer.alerts) : this.giving.then(() => this.onAlerts(answer.alerts));
    if (given === undefined) {
      this.settle(answer);
      return;
    }
    const settled = given.then(() => this.settle(answer));
    this.giving = settled;
    return settled.finally(() => {
      if (this.giving === settled) this.giving = null;
    });
  }

  private settle(answer: Exclude<AnalysisAnswer, { type: 'refused' }>): void {
    if (answer.type === 'block') {
      this.free.push(answer.slot);
      this.onFree?.();
    } else if (answer.type === 'end') {
      this.onEnd?.(answer.detectors);
    }
  }
}
