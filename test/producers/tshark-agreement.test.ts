/** The decoder says what tshark says, on every committed capture and on all public ones that lie beside the project. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { committedCaptures } from '../fixtures/expected-detections.js';
import { KNOWN_DIFFERENCES } from '../support/known-differences.js';
import { requireTool } from '../support/requirement.js';
import { requireSharedCaptures, sharedCaptureFolder, sharedCaptures } from '../support/shared-captures.js';
import { compareWithTshark } from '../support/tshark-agreement.js';

test.for(committedCaptures())('%s', { timeout: 60_000 }, async (path, context) => {
  requireTool(context, 'tshark');
  const { frames, unexplained } = await compareWithTshark(join(projectRoot, path));
  expect(frames).toBeGreaterThan(0);
  expect(unexplained).toEqual([]);
});

/** tshark takes half a second to start: some at a time. */
const CONCURRENCY = 2;
/** A plain run takes every eighth file; all of them, some minutes, with NTA_ALL_CAPTURES=1. */
const STRIDE = process.env['NTA_ALL_CAPTURES'] ? 1 : 8;

describe('public captures', () => {
  test('agree in every frame, but for the known differences', { timeout: 1_200_000 }, async (context) => {
    requireTool(context, 'tshark');
    requireSharedCaptures(context);
    const waiting = [...sharedCaptures('decode'), ...sharedCaptures('detect')].filter(
      (_, index) => index % STRIDE === 0,
    );
    const reasons = new Set<string>();
    const worker = async (): Promise<void> => {
      for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
        const { unexplained, explained } = await compareWithTshark(join(sharedCaptureFolder, path));
        expect.soft(unexplained, path).toEqual([]);
        for (const reason of explained.keys()) reasons.add(reason);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    if (STRIDE > 1) return;
    // An explanation that nothing needs any more would wait to hide a mistake. Some need the committed captures.
    const idle = KNOWN_DIFFERENCES.filter(({ reason }) => !reasons.has(reason) && !reason.includes('TFTP'));
    expect(idle.map(({ reason }) => reason)).toEqual([]);
  });
});
