/** What the detections are held to, over the labelled captures and the cases; `npm run quality` says where they fail. */
import { expect, test } from 'vitest';
import { requireSharedCaptures } from '../support/shared-captures.js';
import { measureQuality, summarize } from './measure.js';

test('attacks are found, ordinary traffic is left in peace', { timeout: 1_200_000 }, async (context) => {
  requireSharedCaptures(context);
  const quality = await measureQuality();
  const { attacks, attacksFound, benign, benignDisturbed, cases, casesRight } = summarize(quality);
  const missed = quality.captures.filter(({ capture, found }) => capture.kind === 'behavioural' && !found);
  const disturbed = quality.captures.filter(({ capture, alerts }) => capture.kind === 'benign' && alerts.length > 0);
  const wrong = quality.cases.filter(({ faults }) => faults.length > 0);
  expect
    .soft(attacksFound / attacks, missed.map(({ capture }) => capture.path).join('\n'))
    .toBeGreaterThanOrEqual(0.95);
  expect
    .soft(benignDisturbed / benign, disturbed.flatMap(({ capture, alerts }) => [capture.path, ...alerts]).join('\n'))
    .toBeLessThanOrEqual(0.02);
  expect
    .soft(casesRight / cases, wrong.flatMap(({ name, faults }) => [name, ...faults]).join('\n'))
    .toBeGreaterThanOrEqual(0.95);
});
