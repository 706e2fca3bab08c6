/** Conversations have the packets, bytes, begin and end that `tshark -z conv` gives those of the same capture. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConversationTracker } from '../../producers/conversations/conversation-tracker.js';
import { decodeCapture } from '../../producers/decoding/capture-decoder.js';
import { projectRoot } from '../../runtime/process/project.js';
import { committedCaptures } from '../fixtures/expected-detections.js';
import { conversationRow } from '../support/conversation-tap.js';
import { requireTool } from '../support/requirement.js';
import { requireSharedCaptures, sharedCaptureFolder, sharedCaptures } from '../support/shared-captures.js';
import { addToPair, type PairTotals, tsharkConversations } from '../support/tshark-conversations.js';

const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp' };
const MICROS = 1e6;
/** tshark prints the duration with four digits. */
const SECONDS_EXACT = 2e-4;

/** All conversations of a capture, those between the same ends together. */
async function ourConversations(path: string): Promise<Map<string, PairTotals>> {
  const totals = new Map<string, PairTotals>();
  let first = 0;
  const conversations = new ConversationTracker({
    capacity: 1_048_576,
    unansweredRowsMax: Number.POSITIVE_INFINITY,
    deliver: (block) => {
      for (let row = 0; row < block.count; row++) {
        const { event, protocol, packets, bytes, start, last, ...ends } = conversationRow(block, row);
        if (event !== 'ended' || PROTOCOLS[protocol] === undefined) continue;
        const originator = `${ends.originator}:${ends.originatorPort}`;
        const responder = `${ends.responder}:${ends.responderPort}`;
        addToPair(totals, PROTOCOLS[protocol]!, originator, responder, {
          packets: [...packets],
          bytes: [...bytes],
          unit: [0, 0],
          start,
          end: last,
        });
      }
    },
  });
  await decodeCapture(path, { conversations }, (block) => {
    first ||= block.timestamp[0]!;
  });
  conversations.finish();
  // Conversations of the first block end before it is handed over.
  for (const pair of totals.values()) {
    pair.start = (pair.start - first) / MICROS;
    pair.end = (pair.end - first) / MICROS;
  }
  return totals;
}

/** A line for each pair of ends in which both differ. */
async function differences(path: string): Promise<{ pairs: number; lines: string[] }> {
  const [ours, theirs] = [await ourConversations(path), await tsharkConversations(path)];
  const lines: string[] = [];
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    const one = ours.get(key);
    const other = theirs.get(key);
    const agrees =
      one !== undefined &&
      other !== undefined &&
      [0, 1].every((side) => one.packets[side] === other.packets[side]) &&
      [0, 1].every(
        (side) => Math.abs(one.bytes[side]! - other.bytes[side]!) <= (other.unit[side]! > 1 ? other.unit[side]! : 0),
      ) &&
      Math.abs(one.start - other.start) < SECONDS_EXACT &&
      Math.abs(one.end - other.end) < SECONDS_EXACT;
    if (!agrees) lines.push(`${key}: ${JSON.stringify(one)}, tshark ${JSON.stringify(other)}`);
  }
  return { pairs: theirs.size, lines };
}

/** The first fragment of each probe ends within the TCP header, which tshark then counts for no connection. */
const PROBES_IN_FRAGMENTS = 'nmap-fragmented';
/** Those of real programs. */
const RECORDED = committedCaptures().filter((path) => path.includes('recorded') && !path.includes(PROBES_IN_FRAGMENTS));

test.for(RECORDED)('%s', { timeout: 60_000 }, async (path, context) => {
  requireTool(context, 'tshark');
  expect((await differences(join(projectRoot, path))).lines).toEqual([]);
});

/** A plain run takes every twelfth file; all of them with NTA_ALL_CAPTURES=1. */
const STRIDE = process.env['NTA_ALL_CAPTURES'] ? 1 : 12;

describe('public captures', () => {
  test('have the same conversations', { timeout: 1_200_000 }, async (context) => {
    requireTool(context, 'tshark');
    requireSharedCaptures(context);
    let pairs = 0;
    for (const path of sharedCaptures('detect').filter((_, index) => index % STRIDE === 0)) {
      const found = await differences(join(sharedCaptureFolder, path));
      expect.soft(found.lines, path).toEqual([]);
      pairs += found.pairs;
    }
    expect(pairs).toBeGreaterThan(0);
  });
});
