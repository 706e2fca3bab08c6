/** The settings of every detector as rows, for the README's table: what the configuration file takes and its defaults. */
import { formatDuration } from '../../runtime/process/options.js';
import { SEVERITY_NAMES } from '../../schemas/alerts/alert.js';
import type { Detector, DetectorOption } from '../contract/detector.js';
import { builtInDetectors } from '../detectors/built-in.js';

export interface DetectorSetting {
  readonly detector: string;
  readonly name: string;
  readonly default: string;
  readonly limits: string;
  readonly help: string;
}

export function detectorSettings(detectors: readonly Detector[] = builtInDetectors): DetectorSetting[] {
  return detectors.flatMap(({ id: detector, threshold, windowSeconds, severity, options }) => [
    {
      detector,
      name: 'threshold',
      default: String(threshold.default),
      limits: `${threshold.minimum} to ${threshold.maximum}`,
      help: threshold.help,
    },
    {
      detector,
      name: 'window',
      default: formatDuration(windowSeconds.default * 1000),
      limits: `${formatDuration(windowSeconds.minimum * 1000)} to ${formatDuration(windowSeconds.maximum * 1000)}`,
      help: windowSeconds.help,
    },
    {
      detector,
      name: 'severity',
      default: `${SEVERITY_NAMES[severity]} (${severity})`,
      limits: '1 to 5',
      help: 'severity of its alerts',
    },
    ...Object.entries(options).map(([name, option]) => ({
      detector,
      name,
      default: Array.isArray(option.default) ? option.default.join(', ') : String(option.default),
      limits: limitsOf(option),
      help: option.help,
    })),
  ]);
}

function limitsOf(option: DetectorOption): string {
  switch (option.kind) {
    case 'integer':
      return `${option.minimum} to ${option.maximum}`;
    case 'boolean':
      return 'true or false';
    case 'ports':
      return 'ports and ranges';
    case 'networks':
      return 'addresses and networks';
    case 'domains':
      return 'names of domains';
    case 'macs':
      return 'MACs or how they begin';
  }
}
