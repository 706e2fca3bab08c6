/**
 * The log of a process: JSON lines on standard error, human-readable when that is a terminal, so that standard output
 * stays free for results. Fields that hold secrets are replaced by "[redacted]" wherever they occur.
 */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { defineOptions } from './options.js';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const logOptions = defineOptions({
  logLevel: {
    kind: 'string',
    env: 'NTA_LOG_LEVEL',
    default: 'info',
    choices: LOG_LEVELS,
    placeholder: '<level>',
    help: 'least severe level that is logged',
  },
  logFile: {
    kind: 'string',
    env: 'NTA_LOG_FILE',
    default: '',
    placeholder: '<file>',
    help: 'file to append JSON log lines to instead of standard error',
  },
});

export interface LogSettings {
  readonly level: LogLevel;
  /** A file to append JSON lines to instead of standard error; empty for none. */
  readonly file: string;
  /** The part that logs, a field of every line: `capture`, `process`, … */
  readonly part: string;
}

const SECRET_KEYS = [
  'password',
  'dbPassword',
  'secret',
  'token',
  'apiKey',
  'kafkaSaslPassword',
  'schemaRegistryUrl',
  'webhookUrl',
  'webhookSecret',
  'authorization',
];

export function createLog(settings: LogSettings): Logger {
  const options: pino.LoggerOptions = {
    level: settings.level,
    base: { part: settings.part },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  };
  if (settings.file !== '') {
    return pino(options, pino.destination({ dest: settings.file, append: true, mkdir: true, sync: true }));
  }
  if (process.stderr.isTTY) {
    return pino(options, pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }));
  }
  return pino(options, pino.destination({ dest: 2, sync: true }));
}
