/** Settings of detection that `nta process` and `nta analyze` share. */
import { defineOptions, type Settings } from '../../runtime/process/options.js';

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
  threatIntel: {
    kind: 'list',
    env: 'NTA_THREAT_INTEL',
    default: [],
    verbatim: true,
    placeholder: '<file|url>',
    help: 'a list of addresses, networks, domains and JA4 fingerprints (plain, CSV, STIX 2.1, MISP) to find conversations by; read again on change',
  },
  threatIntelRefresh: {
    kind: 'duration',
    env: 'NTA_THREAT_INTEL_REFRESH',
    default: 3_600_000,
    minimum: 1_000,
    maximum: 86_400_000,
    help: 'how often lists are asked for again that are at an address',
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
  outcomeWait: {
    kind: 'duration',
    env: 'NTA_OUTCOME_WAIT',
    default: 1_000,
    minimum: 0,
    maximum: 60_000,
    help: 'how long an alert waits for what becomes of its attempts, which decides its severity; 0: severities do not depend on it',
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
