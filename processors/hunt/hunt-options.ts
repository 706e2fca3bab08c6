/** Settings of `nta hunt`. */
import { defineOptions, type Settings } from '../../runtime/process/options.js';
import { detectionOptions } from '../rules/detection-options.js';

const HOUR_MS = 3_600_000;

/** How it runs as a part of `nta run`. */
export const huntScheduleOptions = defineOptions({
  huntEvery: {
    kind: 'duration',
    env: 'NTA_HUNT_EVERY',
    default: 600_000,
    minimum: 0,
    maximum: 24 * HOUR_MS,
    help: 'how often stored conversations are hunted through; 0 never',
  },
  huntHours: {
    kind: 'integer',
    env: 'NTA_HUNT_HOURS',
    default: 24,
    minimum: 1,
    maximum: 744,
    unit: 'hours',
    help: 'how far a hunt looks back',
  },
});

/** How it runs by itself. */
export const huntOwnOptions = defineOptions({
  hours: { ...huntScheduleOptions.huntHours, help: 'how far it looks back' },
  every: {
    ...huntScheduleOptions.huntEvery,
    env: null,
    default: 0,
    help: 'go on, and hunt so often; 0 hunts once, as --once does',
  },
  once: { kind: 'boolean', env: null, default: false, help: 'hunt once and end; replays end where they have come to' },
});

const { allowedLateness, stateBudget, detectionConfig, detector, rules, ipv6Prefix } = detectionOptions;
export const huntDetectionOptions = {
  allowedLateness,
  stateBudget,
  detectionConfig,
  detector,
  rules,
  ipv6Prefix,
} as const;

export type HuntSettings = Settings<typeof huntOwnOptions> & Settings<typeof huntDetectionOptions>;
