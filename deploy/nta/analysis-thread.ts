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
import {
  type ConversationRowsCopy,
  conversationBlock,
  type ReceivedRowsCopy,
  receivedBlock,
} from '../../schemas/conversations/conversation-columns.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { type BlockContents, readShared, type SharedColumns, sharedBlock } from './shared-block.js';

export interface AnalysisOrder {
  readonly settings: DetectionSettings;
}

/** Conversations and what hosts received, of which these packets are the latest. */
export interface TrackedRows {
  readonly conversations: ConversationRowsCopy;
  readonly received: ReceivedRowsCopy;
}

/** What the thread is told, in this order for each capture: any number of blocks, then its end. */
export type AnalysisMessage =
  /** Memory for blocks, before the first that lies in it; slots are numbered in the order of these messages. */
  | { readonly type: 'columns'; readonly columns: SharedColumns }
  | { readonly type: 'block'; readonly slot: number; readonly contents: BlockContents; readonly rows: TrackedRows }
  /** What came of the capture's packets when they were all over: before its end. */
  | { readonly type: 'rows'; readonly rows: TrackedRows }
  | { readonly type: 'end'; readonly timeline: string };

/** What it tells: an answer to each block and end, in their order. */
export type AnalysisAnswer =
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  | { readonly type: 'block'; readonly slot: number; readonly alerts: readonly AlertDocument[] }
  | { readonly type: 'rows'; readonly alerts: readonly AlertDocument[] }
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
  const noPackets = new PacketBlock(0);
  const process = (block: PacketBlock, { conversations, received }: TrackedRows): readonly AlertDocument[] =>
    analysis.process(block, conversationBlock(conversations), receivedBlock(received), block.observations);
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
    if (message.type === 'rows') {
      answer({ type: 'rows', alerts: process(noPackets, message.rows) });
      return;
    }
    const block = blocks[message.slot]!;
    readShared(block, message.contents);
    answer({ type: 'block', slot: message.slot, alerts: process(block, message.rows) });
  });
}

try {
  serve(new Analysis(await loadRules(settings), toEngineLimits(settings, 1)));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  answer({ type: 'refused', code: error.code, message: error.message });
}
