/** Hunts again and again. Kafka or Postgres may be away: the next hunt goes on with what this one left. */

import { Announcer } from '../../runtime/kafka/announcer.js';
import type { KafkaSettings } from '../../runtime/kafka/client.js';
import { createKafka } from '../../runtime/kafka/client.js';
import type { PostgresSettings } from '../../runtime/postgres/client.js';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import type { Registry } from '../../runtime/process/metrics.js';
import type { Service } from '../../runtime/process/service.js';
import { topicName } from '../../schemas/topics.js';
import type { DetectionRules } from '../contract/rule.js';
import { loadRules, toEngineLimits } from '../rules/detection-settings.js';
import { onlyHunted } from '../rules/hunted-rules.js';
import { announcementOf, RULES_INTERVAL_MS } from '../rules/rules-in-force.js';
import { HuntMetrics } from './hunt-metrics.js';
import type { HuntSettings } from './hunt-options.js';
import { type HunterOptions, type HuntResult, hunt } from './hunter.js';

type Settings = HuntSettings & KafkaSettings & PostgresSettings;

/** What the settings make of a hunt. */
export function hunterOptions(settings: Settings, log: Logger, registry: Registry): HunterOptions {
  return {
    kafka: createKafka(settings, 'nta-hunt', log),
    postgres: settings,
    topicPrefix: settings.topicPrefix,
    rules: async () => onlyHunted(await loadRules(settings)),
    limits: toEngineLimits({ ...settings, outcomeWait: 0, dedupeWindow: 0 }, 1),
    hours: settings.hours,
    endReplays: settings.every === 0,
    log,
    metrics: new HuntMetrics(registry),
  };
}

/** At once, and then every `every`, one after the other. */
export function createHuntService(settings: Settings, log: Logger, registry: Registry): Service {
  const options = hunterOptions(settings, log, registry);
  let inForce: DetectionRules = { rules: [] };
  const rules = async (): Promise<DetectionRules> => {
    inForce = await options.rules();
    return inForce;
  };
  const announcer = new Announcer(
    options.kafka,
    topicName('rules', settings.topicPrefix),
    RULES_INTERVAL_MS,
    () => announcementOf('hunt', settings.detectionConfig, inForce),
    log,
  );
  return new HuntService({ ...options, rules }, settings.every, announcer);
}

class HuntService implements Service {
  readonly name = 'hunt';
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly options: HunterOptions,
    private readonly everyMs: number,
    private readonly announcer: Announcer,
  ) {}

  async start(): Promise<void> {
    // What is wrong with a file is said at once.
    await this.options.rules();
    this.announcer.start();
    this.running = this.again();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.announcer.stop(false);
    clearTimeout(this.timer);
    await this.running;
  }

  private async again(): Promise<void> {
    await huntOnce(this.options).catch((error: unknown) => {
      this.options.log.warn(`a hunt failed, the next is in ${this.everyMs / 1000} s: ${messageOf(error)}`);
    });
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.again();
    }, this.everyMs);
  }
}

/** One hunt, counted and logged. */
export async function huntOnce(options: HunterOptions): Promise<HuntResult> {
  const { metrics, log } = options;
  const startedAt = performance.now();
  try {
    const result = await hunt(options);
    const seconds = (performance.now() - startedAt) / 1000;
    metrics.runs.inc({ result: result.busy ? 'busy' : 'done' });
    if (result.busy) {
      log.info('another hunt is at work');
      return result;
    }
    metrics.seconds.set(seconds);
    metrics.lastRun.setToCurrentTime();
    const { conversations, events } = result;
    log.info({ conversations, alerts: events.length, seconds: Math.round(seconds * 100) / 100 }, 'hunted');
    return result;
  } catch (error) {
    metrics.runs.inc({ result: 'failed' });
    throw error;
  }
}
