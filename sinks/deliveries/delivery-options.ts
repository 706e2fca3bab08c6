/** Settings that every delivery has, named after its output: `--webhook-events`, `--syslog-events`. */
import { defineOptions, type OptionDefinition, type OptionTable } from '../../runtime/process/options.js';
import { type AlertOutput, refusedSetting } from './output.js';

const ACTIONS: readonly string[] = ['open', 'update', 'close'];

/** What these settings say, whichever output they are of. */
export interface DeliverySettings {
  /** Actions of the events that are delivered. */
  readonly events: readonly string[];
  readonly minSeverity: number;
  readonly timeoutMs: number;
  readonly retryForMs: number;
  readonly start: 'earliest' | 'latest';
  /** Of the delivery, where there are several of an output. */
  readonly name: string;
}

const COMMON = defineOptions({
  Events: {
    kind: 'list',
    env: 'EVENTS',
    default: ACTIONS,
    placeholder: '<event>',
    help: 'events of an episode that are delivered',
  },
  MinSeverity: {
    kind: 'integer',
    env: 'MIN_SEVERITY',
    default: 1,
    minimum: 1,
    maximum: 5,
    unit: 'severity',
    help: 'least severity that is delivered',
  },
  Timeout: {
    kind: 'duration',
    env: 'TIMEOUT',
    default: 15_000,
    minimum: 100,
    maximum: 120_000,
    help: 'longest time the receiver may take to answer',
  },
  RetryFor: {
    kind: 'duration',
    env: 'RETRY_FOR',
    default: 600_000,
    minimum: 0,
    maximum: 604_800_000,
    help: 'how long an event that the receiver answers with an error may hold up those behind it, before it goes to alerts-dead-letter; a receiver that is away is waited for without end',
  },
  Start: {
    kind: 'string',
    env: 'START',
    default: 'latest',
    choices: ['earliest', 'latest'],
    help: 'what a delivery that is new to Kafka begins with: the oldest alert that the topic still holds, or those to come; later starts go on where the last one stopped',
  },
  Name: {
    kind: 'string',
    env: 'NAME',
    default: '',
    placeholder: '<name>',
    pattern: {
      test: /^[A-Za-z0-9._-]{0,100}$/,
      description: 'letters, digits, dots, underscores and hyphens, at most 100',
    },
    help: 'name of the delivery, where there are several: sinks of one name share the alerts, each name gets all of them',
  },
});

/** All settings of an output. */
export function outputOptions(output: AlertOutput): OptionTable {
  const common = Object.entries(COMMON).map(([key, definition]): [string, OptionDefinition] => [
    `${output.name}${key}`,
    { ...definition, env: `NTA_${output.name.toUpperCase()}_${definition.env}` },
  ]);
  return { ...output.options, ...Object.fromEntries(common) };
}

/** @throws Failure `CONFIGURATION` */
export function deliverySettings(output: AlertOutput, settings: object): DeliverySettings {
  const value = <T>(key: keyof typeof COMMON): T => (settings as Record<string, T>)[`${output.name}${key}`]!;
  const events = value<readonly string[]>('Events');
  const unknown = events.filter((event) => !ACTIONS.includes(event));
  if (unknown.length > 0 || events.length === 0) {
    throw refusedSetting(`--${output.name}-events: "${unknown.join(', ')}" must be some of ${ACTIONS.join(', ')}`);
  }
  return {
    events,
    minSeverity: value('MinSeverity'),
    timeoutMs: value('Timeout'),
    retryForMs: value('RetryFor'),
    start: value('Start'),
    name: value('Name'),
  };
}
