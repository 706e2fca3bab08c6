/**
 * The processor: reads `packets` as a member of the group, detects, publishes alerts, exactly once. With `--workers N`
 * it is N members in N child processes, because one worker uses one core.
 */
import { Announcer } from '../runtime/kafka/announcer.js';
import { checkKafka, createKafka, type KafkaSettings } from '../runtime/kafka/client.js';
import { prepareSchemas } from '../runtime/kafka/schemas.js';
import type { Logger } from '../runtime/process/log.js';
import type { Registry } from '../runtime/process/metrics.js';
import type { Service } from '../runtime/process/service.js';
import { groupName, topicName } from '../schemas/topics.js';
import type { DetectionRules } from './contract/rule.js';
import { DetectionEngine } from './engine/detection-engine.js';
import type { EngineLimits } from './engine/engine.js';
import type { ProcessSettings } from './process-options.js';
import { loadRules, RuleLoader, toEngineLimits } from './rules/detection-settings.js';
import { withoutHunted } from './rules/hunted-rules.js';
import { announcementOf, RULES_INTERVAL_MS } from './rules/rules-in-force.js';
import { ClockSkew } from './worker/clock-skew.js';
import { DetectorFailures } from './worker/detector-failures.js';
import { ExceptionSource } from './worker/exception-source.js';
import { GroupMember } from './worker/group-member.js';
import { ProcessMetrics } from './worker/process-metrics.js';
import { RuleSource } from './worker/rule-source.js';
import { type FleetSettings, WorkerFleet } from './worker/worker-fleet.js';

/** A processor also says whether it is at work: null, or the reason why not. */
export interface Processor extends Service {
  readonly done: Promise<void>;
  readiness(): string | null;
}

/** A processor for these settings; nothing happens before `start`. */
export function createProcessor(settings: FleetSettings, log: Logger, registry: Registry): Processor {
  return settings.workers > 1 ? new WorkerFleet(settings, log, registry) : createMember(settings, log, registry);
}

/**
 * One member in this process.
 *
 * @param onJoin called with the id that the group gave it.
 */
export function createMember(
  settings: ProcessSettings & KafkaSettings,
  log: Logger,
  registry: Registry,
  onJoin: (memberId: string) => void = () => undefined,
): Processor {
  const metrics = new ProcessMetrics(registry);
  const { topicPrefix } = settings;
  const loader = new RuleLoader(settings, (reason) => log.warn(reason));
  const load = async (): Promise<DetectionRules> => withoutHunted(await loader.load());
  const rules = new RuleSource({
    files: loader.files,
    againMs: loader.asksAgain ? settings.threatIntelRefresh : 0,
    load,
    onChange: () => {
      member.applyRules();
      announcer.say();
    },
    log,
    metrics,
  });
  const kafka = createKafka(settings, 'nta-process', log);
  const exceptions = new ExceptionSource({
    kafka,
    topic: topicName('exceptions', topicPrefix),
    onChange: () => member.applyExceptions(),
    log,
    metrics,
  });
  const createEngine = (partitionCount: () => number): DetectionEngine => {
    const engine = new DetectionEngine(rules.rules, sharedLimits(settings, partitionCount));
    engine.setExceptions(exceptions.inForce);
    return engine;
  };
  const announcer = new Announcer(
    kafka,
    topicName('rules', topicPrefix),
    RULES_INTERVAL_MS,
    () => announcementOf('worker', settings.detectionConfig, rules.rules),
    log,
  );
  const member = new GroupMember({
    session: {
      kafka,
      groupId: groupName('processors', topicPrefix),
      topics: {
        input: topicName('packets', topicPrefix),
        alerts: topicName('alerts', topicPrefix),
        changelog: topicName('alertEpisodes', topicPrefix),
        deadLetters: topicName('packetsDeadLetter', topicPrefix),
      },
      sessionTimeoutMs: settings.sessionTimeout,
      pacing: { alertIntervalMs: settings.alertInterval, commitIntervalMs: settings.commitInterval },
      createEngine,
      onJoin,
      log,
      metrics,
      detectorFailures: new DetectorFailures(log, metrics),
      clockSkew: new ClockSkew(log, metrics),
    },
    rules,
    exceptions,
    check: async () => {
      await checkKafka(settings, log);
      await prepareSchemas(settings);
    },
    log,
    metrics,
  });
  return {
    name: member.name,
    done: member.done,
    readiness: () => member.readiness(),
    start: async () => {
      await member.start();
      announcer.start();
    },
    stop: async () => {
      await announcer.stop(false);
      await member.stop();
    },
  };
}

/** The state budget is the worker's: each partition may use its part of it, which shrinks as partitions are added. */
function sharedLimits(settings: ProcessSettings, partitionCount: () => number): EngineLimits {
  return {
    ...toEngineLimits(settings, 1),
    get stateBudgetBytes() {
      return toEngineLimits(settings, partitionCount()).stateBudgetBytes;
    },
  };
}

/** Reads the file as a worker would, with the rules that it may name, and changes nothing. @throws Failure with every error, a line each. */
export async function checkDetectionConfig({
  detectionConfig,
  detector,
  rules,
}: Pick<ProcessSettings, 'detectionConfig' | 'detector' | 'rules'>): Promise<void> {
  await loadRules({ detectionConfig, detector, rules });
}
