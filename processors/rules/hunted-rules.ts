/** Which rules run where in a fleet: workers keep windows, `nta hunt` has the slow memory. `nta analyze` runs all of them. */
import type { DetectionRules } from '../contract/rule.js';

/** What workers run. */
export function withoutHunted({ rules }: DetectionRules): DetectionRules {
  return { rules: rules.filter(({ detector }) => detector.hunted !== true) };
}

/** What is run over stored conversations. */
export function onlyHunted({ rules }: DetectionRules): DetectionRules {
  return { rules: rules.filter(({ detector }) => detector.hunted === true) };
}
