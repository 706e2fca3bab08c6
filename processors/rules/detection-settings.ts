/**
 * What `nta process` and `nta analyze` make of their settings of detection. What reads a configuration or a detector of
 * someone's own is loaded only where there is one: the readers of YAML and schemas take a quarter of a second, as long as
 * `nta analyze` needs for 300,000 packets.
 */
import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { DetectionRules } from '../contract/rule.js';
import { builtInDetectors } from '../detectors/built-in.js';
import type { EngineLimits } from '../engine/engine.js';
import { defaultRules } from './default-rules.js';
import type { DetectionSettings } from './detection-options.js';

/** The engine's limits. The budget is the process's; each partition it is assigned gets an equal part. */
export function toEngineLimits(
  settings: Omit<DetectionSettings, 'detectionConfig' | 'detector'>,
  partitions: number,
): EngineLimits {
  return {
    stateBudgetBytes: Math.floor(settings.stateBudget / Math.max(1, partitions)),
    allowedLatenessMicros: settings.allowedLateness * 1000,
    ipv6PrefixBits: settings.ipv6Prefix,
    outcomeWaitMicros: settings.outcomeWait * 1000,
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
  const detectors =
    detector.length === 0 ? builtInDetectors : await (await import('./plug-in.js')).loadDetectors(detector);
  if (file === '') return defaultRules(detectors); // readDetector has tried these options
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('CONFIGURATION', `--detection-config ${file}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { parseDetectionConfiguration } = await import('./detection-configuration.js');
  const result = parseDetectionConfiguration(text, file, detectors);
  if (!result.ok) throw new Failure('CONFIGURATION', result.errors.join('\n'));
  // A detector that cannot take its options must not come into force half-way.
  for (const { detector, options } of result.rules.rules) detector.createObserver(options);
  return result.rules;
}
