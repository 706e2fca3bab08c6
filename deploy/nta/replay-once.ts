/** `nta run --read … --once`: replay, wait until every packet is processed and stored, and close the balance. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureBalance } from '../../producers/balance.js';
import { createKafka } from '../../runtime/kafka/client.js';
import { createPool } from '../../runtime/postgres/client.js';
import { Failure } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import type { StandardOutput } from '../../runtime/process/standard-output.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { alertPositions, readAlerts } from './alert-reader.js';
import { formatAlertTable, latestEvents } from './alert-table.js';
import { formatCount } from './balance.js';
import type { HuntReport } from './commands/hunt.js';
import { caughtUp, Ledger, type LedgerSnapshot, recordsBehind } from './ledger.js';
import type { PartProcess } from './part-process.js';
import type { RunSettings } from './run-settings.js';

/** How often progress is looked at, and how long it may stand still before the run gives up, milliseconds. */
const POLL_MS = 100;
const STALL_MS = 120_000;
/** Waiting for what an earlier run left is worth a line when it takes this long, milliseconds. */
const SAY_AFTER_MS = 2_000;

/** The summary, as `--json` prints it: counts of packets; `dropped` by reason. */
export interface ReplaySummary {
  readonly captured: number;
  readonly published: number;
  readonly processed: number;
  readonly stored: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly balanced: boolean;
  /** The last event of each episode, as on the topic. */
  readonly alerts: readonly AlertDocument[];
}

interface ReplayContext {
  readonly settings: RunSettings;
  readonly log: Logger;
  readonly output: StandardOutput;
  readonly launchCapture: (extra: readonly string[]) => Promise<PartProcess>;
  readonly launchHunt: () => Promise<PartProcess>;
  readonly interrupted: Promise<NodeJS.Signals>;
}

export async function replayOnce({
  settings,
  log,
  output,
  launchCapture,
  launchHunt,
  interrupted,
}: ReplayContext): Promise<number> {
  const kafka = createKafka(settings, 'nta-run', log);
  const pool = createPool({ ...settings, dbMaxConn: 2 }, 'nta-run', (error) =>
    log.debug({ err: error }, 'idle connection'),
  );
  const ledger = new Ledger(kafka, pool, settings.topicPrefix);
  const admin = kafka.admin();
  let interruption = false;
  void interrupted.then(() => {
    interruption = true;
  });
  const settle = (): Promise<LedgerSnapshot> =>
    waitUntilCaughtUp(
      ledger,
      () => interruption,
      () => undefined,
    );
  try {
    await ledger.connect();
    await admin.connect();
    // What an earlier run left behind is worked off first, so that the difference below is this replay's alone.
    const before = await waitUntilCaughtUp(
      ledger,
      () => interruption,
      (records) =>
        process.stderr.write(
          `nta: an earlier run left ${formatCount(records)} records to be worked off; the replay begins after them\n`,
        ),
    );
    const alertsBefore = await alertPositions(admin, settings.topicPrefix);
    const capture = await launchCapture(['--finish-timeline']);
    const exitCode = await Promise.race([capture.ended(), interrupted.then(() => -1)]);
    const balance = capture.result() as CaptureBalance | undefined;
    if (balance === undefined) {
      throw (
        capture.reason() ??
        new Failure('REPLAY', `the replay ended with exit code ${exitCode} before it had a balance; its log says why`)
      );
    }
    const after = await settle();
    const published =
      after.alertEvents - before.alertEvents + (settings.huntEvery > 0 ? await huntThrough(launchHunt) : 0);
    const events = await readAlerts(kafka, settings.topicPrefix, alertsBefore, published);
    await waitUntilStored(ledger, events);
    const alerts = latestEvents(events);
    const summary = summarize(balance, before, after, alerts);
    await output.write(settings.json ? `${JSON.stringify(summary)}\n` : await formatReplay(summary));
    if (!summary.balanced) process.stderr.write('nta: the balance does not close: see the counts above\n');
    return summary.balanced ? exitCode : 1;
  } finally {
    await admin.disconnect();
    await ledger.close();
    await pool.end();
  }
}

/** Looks once through what has been stored. Gives the number of alert events that came of it. */
async function huntThrough(launchHunt: () => Promise<PartProcess>): Promise<number> {
  const hunt = await launchHunt();
  const exitCode = await hunt.ended();
  const report = hunt.result() as HuntReport | undefined;
  if (report !== undefined) return report.published;
  throw hunt.reason() ?? new Failure('REPLAY', `the hunt ended with exit code ${exitCode}; its log says why`);
}

/**
 * @param onBehind told once, after a while, of the records that one of the stages has yet to read.
 * @throws Failure `REPLAY_STALLED` when neither stage has moved for a while.
 */
async function waitUntilCaughtUp(
  ledger: Ledger,
  isInterrupted: () => boolean,
  onBehind: (records: number) => void,
): Promise<LedgerSnapshot> {
  const startedAt = Date.now();
  let said = false;
  let last = '';
  let movedAt = Date.now();
  for (;;) {
    const snapshot = await ledger.snapshot();
    if (caughtUp(snapshot.processed, snapshot.end) && caughtUp(snapshot.stored, snapshot.end)) return snapshot;
    if (!said && Date.now() - startedAt > SAY_AFTER_MS) {
      said = true;
      onBehind(Math.max(recordsBehind(snapshot.processed, snapshot.end), recordsBehind(snapshot.stored, snapshot.end)));
    }
    const state = JSON.stringify(snapshot);
    if (state !== last) {
      last = state;
      movedAt = Date.now();
    }
    if (isInterrupted())
      throw new Failure(
        'INTERRUPTED',
        'interrupted before every packet was processed and stored; what was published stays, the next start goes on with it',
      );
    if (Date.now() - movedAt > STALL_MS) {
      const behind = caughtUp(snapshot.processed, snapshot.end) ? 'the sink' : 'the processors';
      throw new Failure(
        'REPLAY_STALLED',
        `${behind} made no progress for ${STALL_MS / 1000} s; the log above says why; what was published stays, the next start goes on with it`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** @throws Failure `REPLAY_STALLED` when the alert sink does not store them in time. */
async function waitUntilStored(ledger: Ledger, events: readonly AlertDocument[]): Promise<void> {
  const ids = [...new Set(events.map(({ event }) => event.id))];
  const deadline = Date.now() + STALL_MS;
  while ((await ledger.storedAlertEvents(ids)) < ids.length) {
    if (Date.now() > deadline) {
      throw new Failure(
        'REPLAY_STALLED',
        `the sink has not stored every alert after ${STALL_MS / 1000} s; the log above says why; the alerts are on the topic, the next start goes on with them`,
      );
    }
    await sleep(POLL_MS);
  }
}

function summarize(
  balance: CaptureBalance,
  before: LedgerSnapshot,
  after: LedgerSnapshot,
  alerts: AlertDocument[],
): ReplaySummary {
  const processed = after.processed.packets - before.processed.packets;
  const stored = after.stored.packets - before.stored.packets;
  const dropped = Object.values(balance.dropped).reduce((sum, count) => sum + count, 0);
  return {
    captured: balance.seen,
    published: balance.published,
    processed,
    stored,
    dropped: balance.dropped,
    balanced:
      balance.seen === balance.published + dropped && processed === balance.published && stored === balance.published,
    alerts,
  };
}

async function formatReplay(summary: ReplaySummary): Promise<string> {
  const counts = (['captured', 'published', 'processed', 'stored'] as const).map(
    (name) => `${name.padEnd(10)} ${formatCount(summary[name]).padStart(15)}`,
  );
  for (const [reason, count] of Object.entries(summary.dropped)) {
    if (count > 0) counts.push(`${'dropped'.padEnd(10)} ${formatCount(count).padStart(15)}  ${reason}`);
  }
  return `\n${counts.join('\n')}\n\n${await formatAlertTable(summary.alerts)}\n`;
}
