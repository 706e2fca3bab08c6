import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DetectionEngine } from '../../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS } from '../../../processors/engine/engine.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import { Changelog } from '../../../processors/worker/changelog.js';
import { ClockSkew } from '../../../processors/worker/clock-skew.js';
import { PartitionCommits } from '../../../processors/worker/partition-commits.js';
import { PartitionInput } from '../../../processors/worker/partition-input.js';
import type { Commit, PartitionPublisher } from '../../../processors/worker/partition-publisher.js';
import { ProcessMetrics } from '../../../processors/worker/process-metrics.js';
import { ReplayPosition } from '../../../processors/worker/replay-position.js';
import { Registry } from '../../../runtime/process/metrics.js';
import { spreadScan } from '../../support/attack-stream.js';
import { inputRecord } from '../../support/input-record.js';

const ALERT_INTERVAL_MS = 100;
const COMMIT_INTERVAL_MS = 1000;

/** A partition of which every commit takes effect at once; `commits` says when each began and with how many alerts. */
function createPartition() {
  const engine = new DetectionEngine(defaultRules(), DEFAULT_ENGINE_LIMITS);
  const replay = new ReplayPosition(0, engine.rebuildMicros);
  const metrics = new ProcessMetrics(new Registry());
  const input = new PartitionInput({
    origin: { topic: 'packets', partition: 0 },
    engine,
    replay,
    metrics,
    clockSkew: new ClockSkew(pino({ level: 'silent' }), metrics),
    packets: 0,
  });
  const commits: { readonly at: number; readonly alerts: number }[] = [];
  const startedAt = performance.now();
  const publisher: Pick<PartitionPublisher, 'commit'> = {
    commit: (commit: Commit) => {
      commits.push({ at: performance.now() - startedAt, alerts: commit.alerts.length });
      return Promise.resolve(null);
    },
  };
  let nextOffset = 0;
  const schedule = new PartitionCommits({
    partition: 0,
    engine,
    input,
    replay,
    changelog: new Changelog(),
    publisher: publisher as PartitionPublisher,
    pacing: { alertIntervalMs: ALERT_INTERVAL_MS, commitIntervalMs: COMMIT_INTERVAL_MS },
    metrics,
    committedOffset: 0,
    alertEvents: 0,
    topicId: '',
    nextOffset: () => nextOffset,
    onFailure: (error) => {
      throw error;
    },
  });
  const process = (value: Buffer, time: number): void => {
    input.process(inputRecord(value, nextOffset++, time / 1000));
    schedule.schedule();
  };
  return { process, commits };
}

describe('when a partition commits', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('lets an alert wait for the last alerts only, not for a commit without any', async () => {
    const { process, commits } = createPartition();
    // The tenth port opens an episode, the twentieth probe updates it.
    const [first, ...others] = [...spreadScan(20)].filter(({ packets }) => packets > 0);
    process(first!.value, first!.time);
    await vi.advanceTimersByTimeAsync(10);
    for (const { value, time } of others) process(value, time);
    await vi.advanceTimersByTimeAsync(COMMIT_INTERVAL_MS - 20);
    expect(commits).toEqual([
      { at: 0, alerts: 0 },
      { at: 10, alerts: 1 },
      { at: 10 + ALERT_INTERVAL_MS + 1, alerts: 1 },
    ]);
  });
});
