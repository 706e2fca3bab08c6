/**
 * The detection rules in force: read from `--detection-config` at the start, again when the file changes and on SIGHUP.
 * A file that is wrong changes nothing: the rules in force stay, the log says what is wrong, a counter counts it.
 */
import { watch } from 'chokidar';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import type { DetectionRules } from '../contract/rule.js';
import type { ProcessMetrics } from './process-metrics.js';

export interface RuleSourceOptions {
  /** Empty for the built-in rules alone. */
  readonly file: string;
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
    const { file } = this.options;
    if (file === '') return;
    const watcher = watch(file, {
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
    await this.watcher?.close();
    await this.reading;
  }

  /** Reads the file again, one reading after the other. */
  reload(reason: 'SIGHUP' | 'change'): void {
    this.reading = this.reading.then(() => this.read(reason));
  }

  private async read(reason: string): Promise<void> {
    const { load, onChange, log, metrics, file } = this.options;
    try {
      const rules = await load();
      this.inForce = rules;
      onChange(rules);
      metrics.configurationReloads.inc({ result: 'applied' });
      log.info({ reason, file, detectors: rules.rules.map(({ detector }) => detector.id) }, 'detection rules in force');
    } catch (error) {
      metrics.configurationReloads.inc({ result: 'refused' });
      log.error({ reason, file }, `detection rules stay as they are: ${messageOf(error)}`);
    }
  }
}
