/** Settings of detection that `nta process` and `nta analyze` share, and what they make of them. */
import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from '../runtime/failure.js';
import { defineOptions, type Settings } from '../runtime/options.js';
import { parseDetectionConfiguration } from './configuration/detection-configuration.js';
import { type DetectionRules, defaultRules } from './configuration/rules.js';
import { loadDetectors } from './detectors/plug-in.js';
import type { EngineLimits } from './engine/engine.js';

export const detectionOptions = defineOptions({
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
});
export type DetectionSettings = Settings<typeof detectionOptions>;

/** The engine's limits. The budget is the process's; each partition it is assigned gets an equal part. */
export function toEngineLimits(
  settings: Omit<DetectionSettings, 'detectionConfig' | 'detector'>,
  partitions: number,
): EngineLimits {
  return {
    stateBudgetBytes: Math.floor(settings.stateBudget / Math.max(1, partitions)),
    allowedLatenessMicros: settings.allowedLateness * 1000,
    ipv6PrefixBits: settings.ipv6Prefix,
    dedupeWindowMicros: settings.dedupeWindow * 1000,
  };
}

/**
 * The rules of `--detection-config` for the built-in detectors and those of `--detector`, or their defaults.
 *
 * @throws Failure `CONFIGURATION` or `DETECTOR` with every error, a line each
 */
export async function loadRules({
  detectionConfig: file,
  detector,
}: Pick<DetectionSettings, 'detectionConfig' | 'detector'>): Promise<DetectionRules> {
  const detectors = await loadDetectors(detector);
  if (file === '') return defaultRules(detectors); // readDetector has tried these options
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('CONFIGURATION', `--detection-config ${file}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const result = parseDetectionConfiguration(text, file, detectors);
  if (!result.ok) throw new Failure('CONFIGURATION', result.errors.join('\n'));
  // A detector that cannot take its options must not come into force half-way.
  for (const { detector, options } of result.rules.rules) detector.createObserver(options);
  return result.rules;
}
