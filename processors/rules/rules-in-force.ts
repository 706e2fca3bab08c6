/** The rules in force as they are told to whoever shows them, and those of the built-in that are off. */
import { hostname } from 'node:os';
import type { Announcement } from '../../runtime/kafka/announcer.js';
import { projectVersion } from '../../runtime/process/project.js';
import type { RuleInForce, RulePart, RulesInForce } from '../../schemas/nodes/rules-in-force.js';
import { type Detector, type DetectorOptions, defaultOptions } from '../contract/detector.js';
import type { DetectionRules } from '../contract/rule.js';
import { builtInDetectors } from '../detectors/built-in.js';

interface Setting {
  readonly enabled: boolean;
  readonly severity: number;
  readonly threshold: number;
  readonly windowSeconds: number;
  readonly options: DetectorOptions;
  readonly hasExceptions: boolean;
}

/** They are told so often, beside every change. */
export const RULES_INTERVAL_MS = 60_000;

/** Parts of one machine and one file tell the same, so it does not matter who is heard last. */
export function announcementOf(part: RulePart, configuration: string, rules: DetectionRules): Announcement {
  const value: RulesInForce = {
    processor: hostname(),
    part,
    configuration,
    version: projectVersion,
    sent_at: new Date().toISOString(),
    interval_ms: RULES_INTERVAL_MS,
    rules: describeRules(part, rules),
  };
  return { key: JSON.stringify([value.processor, part, configuration]), value };
}

export function describeRules(
  part: RulePart,
  { rules }: DetectionRules,
  known: readonly Detector[] = builtInDetectors,
): RuleInForce[] {
  const on = rules.map(({ detector, severity, threshold, windowMicros, options, exceptions }) =>
    describe(detector, {
      enabled: true,
      severity,
      threshold,
      windowSeconds: windowMicros / 1e6,
      options,
      hasExceptions: exceptions !== null,
    }),
  );
  const ids = new Set(rules.map(({ detector }) => detector.id));
  const off = known
    .filter(({ id, hunted = false }) => !ids.has(id) && hunted === (part === 'hunt'))
    .map((detector) =>
      describe(detector, {
        enabled: false,
        severity: detector.severity,
        threshold: detector.threshold.default,
        windowSeconds: detector.windowSeconds.default,
        options: defaultOptions(detector),
        hasExceptions: false,
      }),
    );
  return [...on, ...off];
}

function describe(detector: Detector, setting: Setting): RuleInForce {
  return {
    id: detector.id,
    name: detector.name,
    version: detector.version,
    summary: detector.summary,
    enabled: setting.enabled,
    severity: setting.severity,
    keyed_by: detector.keyedBy,
    measure: detector.measure,
    threshold: setting.threshold,
    counts: detector.counts ?? detector.threshold.help,
    window_seconds: setting.windowSeconds,
    techniques: detector.techniques,
    options: setting.options,
    has_exceptions: setting.hasExceptions,
  };
}
