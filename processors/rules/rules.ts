/**
 * Detection rules as the engine takes them: detectors with their options read, and the exceptions compiled. They come
 * from `parseDetectionConfiguration`, or from `defaultRules` when there is no file.
 */

import type { Severity } from '../../schemas/alerts/alert.js';
import type { Detector, DetectorOptions } from '../contract/detector.js';
import { defaultOptions } from '../contract/detector.js';
import { builtInDetectors } from '../detectors/built-in.js';
import type { ExceptionList } from './exceptions.js';

export interface DetectionRule {
  readonly detector: Detector;
  readonly threshold: number;
  readonly windowMicros: number;
  readonly severity: Severity;
  /** The detector's own options, defaults filled in. */
  readonly options: DetectorOptions;
  /** Packets that this rule leaves out; null when it leaves out none. */
  readonly exceptions: ExceptionList | null;
}

/** The rules in force, switched off ones left out. */
export interface DetectionRules {
  readonly rules: readonly DetectionRule[];
}

/** Every detector with its defaults and without exceptions. */
export function defaultRules(detectors: readonly Detector[] = builtInDetectors): DetectionRules {
  return {
    rules: detectors.map((detector) => ({
      detector,
      threshold: detector.threshold.default,
      windowMicros: detector.windowSeconds.default * 1e6,
      severity: detector.severity,
      options: defaultOptions(detector),
      exceptions: null,
    })),
  };
}
