/** Options of `nta process`. */
import { defineOptions, type Settings } from '../runtime/process/options.js';
import { detectionOptions } from './rules/detection-options.js';

export const processOptions = defineOptions({
  ...detectionOptions,
  workers: {
    kind: 'integer',
    env: 'NTA_WORKERS',
    default: 1,
    minimum: 1,
    maximum: 256,
    unit: 'processes',
    help: 'members of the consumer group to run here; one uses one core, more than there are partitions stand idle',
  },
  alertInterval: {
    kind: 'duration',
    env: 'NTA_ALERT_INTERVAL',
    default: 100,
    minimum: 0,
    maximum: 60_000,
    help: 'least time between two transactions of a partition that carry alerts',
  },
  commitInterval: {
    kind: 'duration',
    env: 'NTA_COMMIT_INTERVAL',
    default: 1_000,
    minimum: 50,
    maximum: 60_000,
    help: 'most time between two transactions of a partition while packets come',
  },
  sessionTimeout: {
    kind: 'duration',
    env: 'NTA_SESSION_TIMEOUT',
    default: 3_000,
    minimum: 1_000,
    maximum: 300_000,
    help: 'a worker silent for so long has lost its partitions; 6s where the broker’s group.min.session.timeout.ms asks for it',
  },
});
export type ProcessSettings = Settings<typeof processOptions>;
