/** The rules where there is no configuration file. */
import { type Detector, defaultOptions } from '../contract/detector.js';
import type { DetectionRules } from '../contract/rule.js';
import { builtInDetectors } from '../detectors/built-in.js';

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
