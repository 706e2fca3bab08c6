/**
 * Replays capture files, one after another: at full speed with Kafka holding them back, or at their own speed. A file
 * that breaks off is published up to there and fails the run at its end; the others still go.
 */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { Failure } from '../runtime/process/failure.js';
import type { Logger } from '../runtime/process/log.js';
import { encodeTick } from '../schemas/packets/packet-batch.js';
import type { CaptureFailure } from './capture-file/failure.js';
import { type CaptureConsumer, readCapture, STANDARD_INPUT } from './capture-file/reader.js';
import type { Intake, SourceIntake } from './decoding/intake.js';
import { filterCapture } from './live/tcpdump-engine.js';
import type { Delivery } from './publisher/delivery.js';

export interface ReplayOptions {
  readonly files: readonly string[];
  /** At the capture's own speed. */
  readonly pace: boolean;
  /** Moves every capture in time so that it begins now. */
  readonly rebaseTime: boolean;
  readonly packetFilter: string;
  /** The timeline group of all files, in which each is a run of its own; `REPLAY_GROUP` when empty. No slash. */
  readonly timeline: string;
  /** Gives each file a group of its own instead, so that its packets count together with no other capture's. */
  readonly isolateFiles: boolean;
  readonly finishTimeline: boolean;
  readonly tickIntervalMs: number;
  readonly signal: AbortSignal;
}

/** What replays belong to that name no group: those of all capture nodes count together. */
const REPLAY_GROUP = 'replay';

/**
 * The clock of a replay goes on by so much at its end: more than processors wait for outcomes by default, for none comes any
 * more, and less than any window, for another capture may go on with what this one began. Where they wait longer
 * (--outcome-wait), what still waits at the end is settled once the run is given up, after five minutes. µs.
 */
const OUTCOMES_OVER_MICROS = 2e6;

/** Ticks have no source; their key is the node's business only. */
const TICK_KEY = Buffer.alloc(0);

/**
 * @throws Failure `CAPTURE_FILE` when a file is missing, unreadable or no capture; nothing has been read then but its
 *   first bytes. Standard input and pipes cannot be looked at beforehand.
 */
export async function checkFiles(files: readonly string[], packetFilter: string): Promise<void> {
  const refusals: string[] = [];
  for (const file of files) {
    if (file === STANDARD_INPUT || isPipe(file)) {
      if (packetFilter !== '') {
        refusals.push(
          `--packet-filter cannot be used with --read ${file}: filter where it comes from (tcpdump -w - ${JSON.stringify(packetFilter)})`,
        );
      }
      continue;
    }
    const stop = new AbortController();
    const probe: CaptureConsumer = { onInterface: () => undefined, onFrame: () => stop.abort() };
    const failure = await readCapture(file, () => probe, { signal: stop.signal });
    if (failure !== null && failure.frames === 0 && failure.code !== 'truncated')
      refusals.push(describe(file, failure));
  }
  if (refusals.length > 0) throw new Failure('CAPTURE_FILE', refusals.join('\n'));
}

function isPipe(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile() && !stats.isDirectory();
}

function describe(file: string, failure: CaptureFailure): string {
  return `--read ${file}: ${failure.message}`;
}

export class Replay {
  private readonly run = randomBytes(6).toString('hex');
  private readonly failures: string[] = [];

  constructor(
    private readonly options: ReplayOptions,
    private readonly intake: Intake,
    private readonly delivery: Delivery,
    private readonly log: Logger,
  ) {}

  /**
   * Resolves when every packet of every file is acknowledged.
   *
   * @throws Failure `CAPTURE_FILE` when a file could not be read to its end.
   */
  async play(): Promise<void> {
    const { files, isolateFiles, signal } = this.options;
    const played: SourceIntake[] = [];
    for (const [index, file] of files.entries()) {
      if (signal.aborted) break;
      const source = await this.playFile(file, this.timelineOf(index));
      if (isolateFiles) await this.finish(source);
      else played.push(source);
    }
    // Not before the last file, which may go on with what an earlier one began.
    for (const source of played) await this.finish(source);
    if (this.failures.length > 0) throw new Failure('CAPTURE_FILE', this.failures.join('\n'));
  }

  private timelineOf(index: number): string {
    const { timeline, isolateFiles } = this.options;
    const group = timeline === '' ? REPLAY_GROUP : timeline;
    return `${group}${isolateFiles ? '-' : '/'}${this.run}-${index + 1}`;
  }

  private async playFile(file: string, timeline: string): Promise<SourceIntake> {
    const { rebaseTime, pace, signal, packetFilter, tickIntervalMs } = this.options;
    let shift: number | null = null;
    const rebase = (timestamp: number): number => {
      shift ??= Date.now() * 1000 - timestamp;
      return shift;
    };
    const source = this.intake.source({ name: file, timeline, ...(rebaseTime ? { shift: rebase } : {}) });
    const ticks = pace ? setInterval(() => this.tick(source), tickIntervalMs) : undefined;
    try {
      const failure =
        packetFilter === ''
          ? await readCapture(file, (parser) => new ReplayConsumer(source, this.delivery, pace, parser, signal), {
              signal,
            })
          : await this.playFiltered(file, source);
      if (failure !== null) {
        this.failures.push(describe(file, failure));
        this.log.error({ file, frames: failure.frames, offset: failure.offset }, describe(file, failure));
      }
    } finally {
      clearInterval(ticks);
    }
    this.intake.flush();
    return source;
  }

  /** The file through tcpdump; what its filter leaves out is the difference to what is in the file. */
  private async playFiltered(file: string, source: SourceIntake): Promise<CaptureFailure | null> {
    const { pace, signal, packetFilter } = this.options;
    let frames = 0;
    let bytes = 0;
    const counter: CaptureConsumer = {
      onInterface: () => undefined,
      onFrame: (_buffer, _offset, _captured, frameLength) => {
        frames++;
        bytes += frameLength;
      },
    };
    const failure = await readCapture(file, () => counter, { signal });
    const filtered = filterCapture(file, packetFilter);
    const passed = await readCapture(
      STANDARD_INPUT,
      (parser) => new ReplayConsumer(source, this.delivery, pace, parser, signal),
      { signal, standardInput: filtered.output },
    );
    const reason = await filtered.failed;
    const left = frames - source.counts.seen;
    source.counts.seen += left;
    source.counts.bytes += bytes - source.counts.bytes;
    source.counts.dropped.filtered += left;
    if (failure !== null) return failure;
    return reason === null ? passed : { code: 'unreadable', message: reason, offset: 0, frames };
  }

  private async finish(source: SourceIntake): Promise<void> {
    this.intake.finish();
    await this.delivery.settled();
    if (source.origin === null || source.lastTimestamp === null || this.options.signal.aborted) return;
    const { finishTimeline } = this.options;
    // What processors wait for, because its outcome may still come, does not come any more.
    const clock = finishTimeline ? source.lastTimestamp : source.lastTimestamp + OUTCOMES_OVER_MICROS;
    this.delivery.publisher.broadcast(TICK_KEY, encodeTick(source.origin, clock, finishTimeline));
    await this.delivery.settled();
  }

  /** While the capture is quiet its clock goes on. */
  private tick(source: SourceIntake): void {
    const now = source.now();
    if (source.origin !== null && now !== null) {
      this.intake.passTime(now);
      this.intake.flush();
      this.delivery.tick(TICK_KEY, encodeTick(source.origin, now, false));
    }
  }
}

/** Frames of a file into the intake, no faster than Kafka takes them and, when paced, than they were captured. */
class ReplayConsumer implements CaptureConsumer {
  readonly onInterface: CaptureConsumer['onInterface'];
  /** `performance.now()` of the first frame minus its timestamp in milliseconds. */
  private clock: number | null = null;
  /** A frame that is not due yet: its bytes are the parser's again while it waits, so it is a copy. */
  private held: { frame: Buffer; frameLength: number; timestamp: number; interfaceIndex: number } | null = null;

  constructor(
    private readonly source: SourceIntake,
    private readonly delivery: Delivery,
    private readonly pace: boolean,
    private readonly parser: { pause(): void },
    private readonly signal: AbortSignal,
  ) {
    this.onInterface = (captureInterface) => source.onInterface(captureInterface);
  }

  onFrame(
    buffer: Uint8Array,
    offset: number,
    capturedLength: number,
    frameLength: number,
    timestamp: number,
    interfaceIndex: number,
  ): void {
    if (this.pace && !this.isDue(timestamp)) {
      const frame = Buffer.from(buffer.subarray(offset, offset + capturedLength));
      this.held = { frame, frameLength, timestamp, interfaceIndex };
      this.parser.pause();
      return;
    }
    this.source.onFrame(buffer, offset, capturedLength, frameLength, timestamp, interfaceIndex);
    if (!this.delivery.hasRoom) this.parser.pause();
  }

  onFramesRead(): void {
    this.source.onFramesRead();
  }

  async onPause(): Promise<void> {
    const { held } = this;
    if (held !== null) {
      this.held = null;
      await wait(this.dueIn(held.timestamp), this.signal);
      if (this.signal.aborted) return;
      const { frame, frameLength, timestamp, interfaceIndex } = held;
      this.source.onFrame(frame, 0, frame.length, frameLength, timestamp, interfaceIndex);
    }
    await this.delivery.room();
  }

  private isDue(timestamp: number): boolean {
    this.clock ??= performance.now() - timestamp / 1000;
    return this.dueIn(timestamp) < 1;
  }

  /** Milliseconds. */
  private dueIn(timestamp: number): number {
    return timestamp / 1000 + this.clock! - performance.now();
  }
}

/** Longest delay of a timer, milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(Math.max(0, milliseconds), TIMER_MAX_MS));
    signal.addEventListener('abort', done, { once: true });
  });
}
