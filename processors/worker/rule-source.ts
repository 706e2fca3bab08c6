/**
 * The detection rules in force: read from their files at the start, again when one changes and on SIGHUP, and now and then what has no file.
 * A file that is wrong changes nothing: the rules in force stay, the log says what is wrong, a counter counts it.
 */
import { watch } from 'chokidar';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import type { DetectionRules } from '../contract/rule.js';
import type { ProcessMetrics } from './process-metrics.js';

export interface RuleSourceOptions {
  /** Read again when they change; none for the built-in rules alone. */
  readonly files: readonly string[];
  /** How often what is at addresses is asked for again, ms; 0 never. */
  readonly againMs: number;
  readonly load: () => Promise<DetectionRules>;
  readonly onChange: (rules: DetectionRules) => void;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
}

/** Editors write in steps; the file is read when it has been still for this long, ms. */
const SETTLE_MS = 200;

export class RuleSource {
  private inForce: DetectionRules | undefined;
  private watcher: ReturnType<typeof watch> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private reading: Promise<void> = Promise.resolve();
  private readonly onSignal = (): void => this.reload('SIGHUP');

  constructor(private readonly options: RuleSourceOptions) {}

  /** The rules in force; `start` comes first. */
  get rules(): DetectionRules {
    if (this.inForce === undefined) throw new Error('the rules have not been read yet');
    return this.inForce;
  }

  /** @throws Failure when the file is wrong: a worker does not begin with rules that nobody wanted. */
  async start(): Promise<void> {
    this.inForce = await this.options.load();
    process.on('SIGHUP', this.onSignal);
    const { files, againMs } = this.options;
    if (againMs > 0) this.timer = setInterval(() => this.reload('refresh'), againMs).unref();
    if (files.length === 0) return;
    const watcher = watch([...files], {
      ignoreInitial: true,
      awaitWriteFinish: { stabilityThreshold: SETTLE_MS, pollInterval: 50 },
    });
    this.watcher = watcher;
    watcher.on('change', () => this.reload('change'));
    watcher.on('add', () => this.reload('change'));
    await new Promise<void>((resolve) => {
      watcher.once('ready', () => resolve());
    });
  }

  async stop(): Promise<void> {
    process.off('SIGHUP', this.onSignal);
    clearInterval(this.timer);
    await this.watcher?.close();
    await this.reading;
  }

  /** Reads the file again, one reading after the other. */
  reload(reason: 'SIGHUP' | 'change' | 'refresh'): void {
    this.reading = this.reading.then(() => this.read(reason));
  }

  private async read(reason: string): Promise<void> {
    const { load, onChange, log, metrics, files } = this.options;
    try {
      const rules = await load();
      if (reason === 'refresh' && isSame(rules, this.rules)) return;
      this.inForce = rules;
      onChange(rules);
      metrics.configurationReloads.inc({ result: 'applied' });
      log.info(
        { reason, files, detectors: rules.rules.map(({ detector }) => detector.id) },
        'detection rules in force',
      );
    } catch (error) {
      metrics.configurationReloads.inc({ result: 'refused' });
      log.error({ reason, files }, `detection rules stay as they are: ${messageOf(error)}`);
    }
  }
}

/** Whether what was asked for again is what is in force: rules differ in their settings, to which the versions of lists belong. */
function isSame(one: DetectionRules, other: DetectionRules): boolean {
  const settings = ({ rules }: DetectionRules): string =>
    JSON.stringify(rules.map(({ detector, options }) => [detector.id, options]));
  return settings(one) === settings(other);
}
