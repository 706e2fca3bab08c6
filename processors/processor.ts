/**
 * The processor: reads `packets` as a member of the group, detects, publishes alerts, exactly once. With `--workers N`
 * it is N members in N child processes, because one worker uses one core.
 */
import { Failure } from '../runtime/failure.js';
import { checkKafka, createKafka, type KafkaSettings } from '../runtime/kafka.js';
import type { Logger } from '../runtime/log.js';
import type { Registry } from '../runtime/metrics.js';
import { defineOptions, type Settings } from '../runtime/options.js';
import type { Service } from '../runtime/service.js';
import { groupName, topicName } from '../schemas/topics.js';
import { type DetectionRules, defaultRules } from './configuration/rules.js';
import { DetectionEngine } from './engine/detection-engine.js';
import type { EngineLimits } from './engine/engine.js';
import { GroupMember } from './worker/group-member.js';
import { ProcessMetrics } from './worker/process-metrics.js';
import { RuleSource } from './worker/rule-source.js';
import { WorkerFleet } from './worker/worker-fleet.js';

export const processOptions = defineOptions({
  workers: {
    kind: 'integer',
    env: 'NTA_WORKERS',
    default: 1,
    minimum: 1,
    maximum: 256,
    unit: 'processes',
    help: 'members of the consumer group to run here; one uses one core, more than there are partitions stand idle',
  },
  allowedLateness: {
    kind: 'duration',
    env: 'NTA_ALLOWED_LATENESS',
    default: 5_000,
    minimum: 0,
    maximum: 600_000,
    help: 'how much older than the newest packet of its source a packet may be and still count',
  },
  stateBudget: {
    kind: 'size',
    env: 'NTA_STATE_BUDGET',
    default: 320 * 1024 * 1024,
    minimum: 8 * 1024 * 1024,
    maximum: 64 * 1024 ** 3,
    help: 'memory for the windows of one worker; beyond it the least recently active sources go, counted',
  },
  detectionConfig: {
    kind: 'string',
    env: 'NTA_DETECTION_CONFIG',
    default: '',
    placeholder: '<file>',
    help: 'YAML file of thresholds, windows, severities and exceptions; read again on change and SIGHUP',
  },
  detector: {
    kind: 'list',
    env: 'NTA_DETECTOR',
    default: [],
    verbatim: true,
    placeholder: '<module>',
    help: 'a detector of your own: a JavaScript module',
  },
  ipv6Prefix: {
    kind: 'integer',
    env: 'NTA_IPV6_PREFIX',
    default: 128,
    minimum: 32,
    maximum: 128,
    unit: 'bits',
    help: 'leading bits that make IPv6 sources one; 64 because an attacker owns a whole /64',
  },
  dedupeWindow: {
    kind: 'duration',
    env: 'NTA_DEDUPE_WINDOW',
    default: 0,
    minimum: 0,
    maximum: 60_000,
    help: 'the same packet seen by several capture nodes within this time counts once; 0 counts each',
  },
  alertInterval: {
    kind: 'duration',
    env: 'NTA_ALERT_INTERVAL',
    default: 100,
    minimum: 0,
    maximum: 60_000,
    help: 'least time between two transactions of a partition that carry alerts',
  },
  commitInterval: {
    kind: 'duration',
    env: 'NTA_COMMIT_INTERVAL',
    default: 1_000,
    minimum: 50,
    maximum: 60_000,
    help: 'most time between two transactions of a partition while packets come',
  },
  sessionTimeout: {
    kind: 'duration',
    env: 'NTA_SESSION_TIMEOUT',
    default: 6_000,
    minimum: 1_000,
    maximum: 300_000,
    help: 'a worker silent for so long has lost its partitions; the broker’s group.min.session.timeout.ms is the least it takes',
  },
});
export type ProcessSettings = Settings<typeof processOptions>;

/** A processor also says whether it is at work: null, or the reason why not. */
export interface Processor extends Service {
  readonly done: Promise<void>;
  readiness(): string | null;
}

/** A processor for these settings; nothing happens before `start`. */
export function createProcessor(settings: ProcessSettings & KafkaSettings, log: Logger, registry: Registry): Processor {
  return settings.workers > 1 ? new WorkerFleet(settings, log, registry) : createMember(settings, log, registry);
}

function createMember(settings: ProcessSettings & KafkaSettings, log: Logger, registry: Registry): Processor {
  const metrics = new ProcessMetrics(registry);
  const { topicPrefix } = settings;
  const load = (): Promise<DetectionRules> => loadRules(settings);
  const rules = new RuleSource({
    file: settings.detectionConfig,
    load,
    onChange: () => member.applyRules(),
    log,
    metrics,
  });
  const member = new GroupMember({
    session: {
      kafka: createKafka(settings, 'nta-process', log),
      groupId: groupName('processors', topicPrefix),
      topics: {
        input: topicName('packets', topicPrefix),
        alerts: topicName('alerts', topicPrefix),
        changelog: topicName('alertEpisodes', topicPrefix),
        deadLetters: topicName('packetsDeadLetter', topicPrefix),
      },
      sessionTimeoutMs: settings.sessionTimeout,
      pacing: { alertIntervalMs: settings.alertInterval, commitIntervalMs: settings.commitInterval },
      createEngine: (partitions) => new DetectionEngine(rules.rules, engineLimits(settings, partitions)),
      log,
      metrics,
    },
    rules,
    check: () => checkKafka(settings, log),
    log,
    metrics,
  });
  return member;
}

/** The budget is the worker's; each of its partitions gets an equal part when it is assigned. */
function engineLimits(settings: ProcessSettings, partitions: number): EngineLimits {
  return {
    stateBudgetBytes: Math.floor(settings.stateBudget / Math.max(1, partitions)),
    allowedLatenessMicros: settings.allowedLateness * 1000,
    ipv6PrefixBits: settings.ipv6Prefix,
    dedupeWindowMicros: settings.dedupeWindow * 1000,
  };
}

/** The rules of `--detection-config`, or the built-in ones. */
function loadRules(settings: Pick<ProcessSettings, 'detectionConfig' | 'detector'>): Promise<DetectionRules> {
  if (settings.detectionConfig !== '')
    return Promise.reject(new Failure('CONFIGURATION', '--detection-config: not read yet'));
  return Promise.resolve(defaultRules());
}

/** Reads the file as a worker would, and changes nothing. @throws Failure with every error, a line each. */
export async function checkDetectionConfig(file: string): Promise<void> {
  await loadRules({ detectionConfig: file, detector: [] });
}
