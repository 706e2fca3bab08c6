/**
 * Live traffic of one interface: runs an engine, hands its frames on, and starts it again with growing pauses when it
 * dies or the interface goes away. The time without a capture is logged and counted.
 */
import { readFileSync } from 'node:fs';
import { describeExit } from '../../runtime/process/child.js';
import { Failure } from '../../runtime/process/failure.js';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';
import { KeptRunning, type Launched } from '../../runtime/process/kept-running.js';
import type { Logger } from '../../runtime/process/log.js';
import { CaptureParser } from '../capture-file/parser.js';
import type { SourceIntake } from '../decoding/intake.js';
import { type Engine, type EngineDefinition, type EngineExit, type EngineOptions, startEngine } from './engine.js';

const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 5_000;
/** An engine that lived this long was well: the next pause is the shortest again. */
const WELL_AFTER_MS = 10_000;
const STATISTICS_INTERVAL_MS = 1_000;
/** How long an engine may take to say that it listens, milliseconds. */
const BEGIN_TIMEOUT_MS = 10_000;

export class LiveSource {
  private engine: Engine | null = null;
  private timer: NodeJS.Timeout | undefined;
  private header: { resolve: () => void } | null = null;
  private readonly kept: KeptRunning;
  /** Engines so far. */
  private launches = 0;
  /** Of the present engine, what has been counted already. */
  private countedDrops = 0;
  /** Whether an engine runs, and whether its interface is down: libpcap waits silently until it comes back. */
  private capturing = false;
  private interfaceDown = false;
  private downSince: number | null = null;
  private pastGapsMs = 0;

  constructor(
    private readonly definition: EngineDefinition,
    private readonly options: EngineOptions,
    private readonly intake: SourceIntake,
    private readonly log: Logger,
  ) {
    this.kept = new KeptRunning({
      launch: () => this.launch(),
      delay: new GrowingDelay(PAUSE_MIN_MS, PAUSE_MAX_MS, WELL_AFTER_MS),
      onEnded: (reason) => this.beginGap({ reason }, 'the capture has stopped; it is started again'),
    });
  }

  /**
   * Resolves when the first engine captures.
   *
   * @throws Failure `CAPTURE_PERMISSION`, `INTERFACE_MISSING`, `CAPTURE_ENGINE`.
   */
  async start(): Promise<void> {
    await this.kept.start();
    this.timer = setInterval(() => this.poll(), STATISTICS_INTERVAL_MS);
  }

  /** Whether frames can come in now. */
  get up(): boolean {
    return this.capturing && !this.interfaceDown;
  }

  /** How often an engine had to be started again. */
  get restarts(): number {
    return Math.max(0, this.launches - 1);
  }

  get name(): string {
    return this.options.interface;
  }

  /** Time without a capture since the first began, milliseconds. */
  get gapMs(): number {
    return this.pastGapsMs + (this.downSince === null ? 0 : performance.now() - this.downSince);
  }

  /** Ends the engine and resolves when all that it captured has been handed on. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.kept.stop();
  }

  private async begun(exited: Promise<EngineExit>): Promise<void> {
    const exit = await Promise.race([exited, this.awaitHeader()]);
    if (exit !== null) throw explain(this.options.interface, exit);
  }

  /** The pcap header comes as soon as the engine has opened the interface. */
  private awaitHeader(): Promise<null> {
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => {
        this.engine?.stop();
        reject(
          new Failure('CAPTURE_ENGINE', `${this.definition.name} does not start on ${this.options.interface}`, {
            retriable: true,
          }),
        );
      }, BEGIN_TIMEOUT_MS);
      this.header = {
        resolve: () => {
          clearTimeout(timeout);
          resolve(null);
        },
      };
    });
  }

  private launch(): Launched {
    const engine = startEngine(this.definition, this.options);
    this.engine = engine;
    this.countedDrops = 0;
    const parser = new CaptureParser(this.intake);
    engine.output.on('data', (chunk: Buffer) => {
      if (!this.capturing) this.onBegun();
      const failure = parser.push(chunk);
      if (failure !== null) {
        this.log.error({ interface: this.options.interface, reason: failure.message }, 'the engine writes no capture');
        engine.stop();
      }
    });
    const exited = engine.exited.then((exit) => {
      this.countDrops(engine);
      this.capturing = false;
      return exit;
    });
    return {
      // One that is started again may wait for its interface to come back.
      ready: ++this.launches === 1 ? this.begun(exited) : Promise.resolve(),
      exited: exited.then((exit) => (exit.message === '' ? describeExit(exit) : exit.message)),
      stop: async () => {
        engine.stop();
        await exited;
      },
    };
  }

  private onBegun(): void {
    this.capturing = true;
    this.endGap();
    this.header?.resolve();
    this.header = null;
  }

  private beginGap(details: object, message: string): void {
    if (this.downSince !== null) return;
    this.downSince = performance.now();
    this.log.error({ interface: this.options.interface, ...details }, message);
  }

  private endGap(): void {
    if (this.downSince === null || !this.up) return;
    const gapMs = Math.round(performance.now() - this.downSince);
    this.pastGapsMs += gapMs;
    this.downSince = null;
    this.log.warn(
      { interface: this.options.interface, gapMs },
      'the capture goes on; what passed meanwhile is not in it',
    );
  }

  private poll(): void {
    const engine = this.engine;
    if (engine === null || !this.capturing) return;
    this.interfaceDown = isDown(this.options.interface);
    if (this.interfaceDown) this.beginGap({}, 'the interface is down; the capture waits for it');
    else this.endGap();
    this.countDrops(engine);
    engine.refresh();
  }

  /** What the kernel dropped was on the wire, so it was seen. */
  private countDrops(engine: Engine): void {
    const { dropped } = engine.statistics;
    const more = dropped - this.countedDrops;
    if (more <= 0) return;
    this.countedDrops = dropped;
    this.intake.counts.seen += more;
    this.intake.counts.dropped.kernel_dropped += more;
  }
}

const IFF_UP = 1;

/** Whether the kernel says so; an interface it does not list (`any`) never is. */
function isDown(interfaceName: string): boolean {
  try {
    return (Number(readFileSync(`/sys/class/net/${interfaceName}/flags`, 'utf8')) & IFF_UP) === 0;
  } catch {
    return false;
  }
}

function explain(interfaceName: string, exit: EngineExit): Failure {
  const said = exit.message.replace(`${interfaceName}: `, '');
  const reason = said === '' ? `it ended with code ${exit.code ?? exit.signal}` : said;
  if (/permission|not permitted/i.test(reason)) {
    return new Failure(
      'CAPTURE_PERMISSION',
      `may not capture on ${interfaceName}: ${reason}; run as root, or once: sudo setcap cap_net_raw,cap_net_admin=eip "$(command -v tcpdump)"`,
    );
  }
  if (/no such device|doesn't exist|not up|went down/i.test(reason)) {
    return new Failure(
      'INTERFACE_MISSING',
      `cannot capture on ${interfaceName}: ${reason}; nta interfaces lists what there is`,
    );
  }
  return new Failure('CAPTURE_ENGINE', `cannot capture on ${interfaceName}: ${reason}`);
}
