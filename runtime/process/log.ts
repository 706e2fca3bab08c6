/**
 * The log of a process: JSON lines on standard error, human-readable when that is a terminal, so that standard output
 * stays free for results. Fields that hold secrets are replaced by "[redacted]" wherever they occur.
 *
 * The loggers are loaded by the first log: they take 0.1 s, and a command that only prints its result needs none.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type pino from 'pino';
import type { Logger } from 'pino';
import type pretty from 'pino-pretty';
import { makeFolder } from './folder.js';
import { defineOptions } from './options.js';

export type { Logger } from 'pino';

const require = createRequire(import.meta.url);

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
  const createPino = require('pino') as typeof pino;
  const options: pino.LoggerOptions = {
    level: settings.level,
    base: { part: settings.part },
    timestamp: createPino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  };
  if (settings.file !== '') {
    makeFolder(dirname(settings.file));
    return createPino(options, createPino.destination({ dest: settings.file, append: true, sync: true }));
  }
  if (process.stderr.isTTY) {
    const createPretty = require('pino-pretty') as typeof pretty;
    return createPino(
      options,
      createPretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }),
    );
  }
  return createPino(options, createPino.destination({ dest: 2, sync: true }));
}
