/** `npm run quality`: how well the detections do on the labelled captures and the cases, and where they do not. */
import { hasSharedCaptures, sharedCaptureFolder } from '../support/shared-captures.js';
import { measureQuality, summarize } from './measure.js';

if (!hasSharedCaptures()) {
  process.stderr.write(`no labelled captures: ${sharedCaptureFolder} does not exist\n`);
  process.exitCode = 1;
} else {
  const quality = await measureQuality();
  for (const { capture, found, alerts } of quality.captures) {
    if (capture.kind === 'behavioural' && !found) {
      console.log(
        `missed   ${capture.label}  ${capture.path}\n         wanted ${capture.rules.join(' or ')} of ${capture.actors.join(' or ')}`,
      );
      for (const line of alerts) console.log(`         said ${line}`);
    }
    if (capture.kind === 'benign' && alerts.length > 0) {
      console.log(`disturbed ${capture.path}`);
      for (const line of alerts) console.log(`         ${line}`);
    }
  }
  for (const { name, why, faults } of quality.cases) {
    if (faults.length === 0) continue;
    console.log(`case     ${name}: ${why}`);
    for (const fault of faults) console.log(`         ${fault}`);
  }
  const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
  const summary = summarize(quality);
  console.log(
    `attacks found      ${summary.attacksFound} of ${summary.attacks}, ${percent(summary.attacksFound, summary.attacks)}`,
  );
  console.log(
    `benign disturbed   ${summary.benignDisturbed} of ${summary.benign}, ${percent(summary.benignDisturbed, summary.benign)}; ${summary.falseAlertsAnHour.toFixed(2)} false alerts an hour`,
  );
  console.log(
    `cases right        ${summary.casesRight} of ${summary.cases}, ${percent(summary.casesRight, summary.cases)}`,
  );
}
