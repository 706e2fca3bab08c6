import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reasonIn, rotateLog, tailLog } from '../../../deploy/local-stack/log-tail.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-log-'));
  path = join(folder, 'server.log');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('the reason in a log', () => {
  test.each([
    [
      'a root cause',
      '2026 ERROR Exiting (kafka.Kafka$)\nX: outer\n\tat a.B\nCaused by: Y: inner\n\tat c.D\n2026 INFO bye',
      'Caused by: Y: inner',
    ],
    ['an error', '2026 INFO up\n2026 ERROR no room\n2026 INFO bye', '2026 ERROR no room'],
    [
      'a fatal error before the hint',
      'LOG: x\nFATAL:  invalid value\nHINT:  Available values: on, off.',
      'FATAL:  invalid value',
    ],
    [
      'a JVM that does not start',
      'Error occurred during initialization of VM\nToo small initial heap',
      'Error occurred during initialization of VM',
    ],
    ['else the last line', 'one\ntwo\n', 'two'],
  ])('is %s', (_, log, reason) => {
    expect(reasonIn(log)).toBe(reason);
  });

  test('is nothing for an empty log', () => {
    expect(reasonIn('')).toBeUndefined();
  });
});

test('the tail is what came since, and empty without a log', () => {
  expect(tailLog(path)).toBe('');
  writeFileSync(path, 'before\nsince\n');
  expect(tailLog(path, 7)).toBe('since');
  expect(tailLog(path, 1_000)).toBe('');
});

test('a log past 10 MB is moved aside', () => {
  rotateLog(path);
  writeFileSync(path, 'small');
  rotateLog(path);
  expect(statSync(path).size).toBe(5);
  writeFileSync(path, Buffer.alloc(10_000_001));
  rotateLog(path);
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  expect(statSync(`${path}.1`).size).toBe(10_000_001);
});
