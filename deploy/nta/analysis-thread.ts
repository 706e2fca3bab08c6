/**
 * Entry of the thread in which `nta analyze` detects, while the main thread reads and decodes: each takes about half of the
 * work. detection-thread.ts is the other end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Analysis } from '../../processors/analysis.js';
import type { DetectorStatistics } from '../../processors/engine/engine.js';
import type { DetectionSettings } from '../../processors/rules/detection-options.js';
import { loadRules, toEngineLimits } from '../../processors/rules/detection-settings.js';
import { Failure } from '../../runtime/process/failure.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { type BlockContents, readShared, type SharedColumns, sharedBlock } from './shared-block.js';

export interface AnalysisOrder {
  readonly settings: DetectionSettings;
}

/** What the thread is told, in this order for each capture: any number of blocks, then its end. */
export type AnalysisMessage =
  /** Memory for blocks, before the first that lies in it; slots are numbered in the order of these messages. */
  | { readonly type: 'columns'; readonly columns: SharedColumns }
  | { readonly type: 'block'; readonly slot: number; readonly contents: BlockContents }
  | { readonly type: 'end'; readonly timeline: string };

/** What it tells: an answer to each block and end, in their order. */
export type AnalysisAnswer =
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  | { readonly type: 'block'; readonly slot: number; readonly alerts: readonly AlertDocument[] }
  | {
      readonly type: 'end';
      readonly alerts: readonly AlertDocument[];
      readonly detectors: readonly DetectorStatistics[];
    };

const port = parentPort!;
const { settings } = workerData as AnalysisOrder;

function answer(message: AnalysisAnswer): void {
  port.postMessage(message);
}

function serve(analysis: Analysis): void {
  const blocks: PacketBlock[] = [];
  port.on('message', (message: AnalysisMessage) => {
    if (message.type === 'columns') {
      blocks.push(sharedBlock(message.columns));
      return;
    }
    if (message.type === 'end') {
      const alerts = analysis.endTimeline(message.timeline);
      answer({ type: 'end', alerts, detectors: analysis.statistics.detectors });
      return;
    }
    const block = blocks[message.slot]!;
    readShared(block, message.contents);
    answer({ type: 'block', slot: message.slot, alerts: analysis.process(block) });
  });
}

try {
  serve(new Analysis(await loadRules(settings), toEngineLimits(settings, 1)));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  answer({ type: 'refused', code: error.code, message: error.message });
}
