import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataDirectory } from '../../../deploy/local-stack/data-directory-lock.js';
import { identifyProcess } from '../../../deploy/local-stack/process-identity.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-lock-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('is held by one and free after its release', () => {
  const lock = lockDataDirectory(folder);
  expect(() => lockDataDirectory(folder)).toThrow(
    `${folder} is in use by process ${process.pid}; stop that one first (kill ${process.pid}) or give another --data-dir`,
  );
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
  lockDataDirectory(folder).release();
});

test('is taken over from a process that has ended', async () => {
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const identity = identifyProcess(holder.pid!);
  writeFileSync(join(folder, 'lock'), JSON.stringify(identity));
  expect(() => lockDataDirectory(folder)).toThrow(`in use by process ${holder.pid}`);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  lockDataDirectory(folder);
  expect(JSON.parse(readFileSync(join(folder, 'lock'), 'utf8'))).toEqual(identifyProcess(process.pid));
});

test('is taken over when the process id now belongs to another process', () => {
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.pid, started: 'another time' }));
  lockDataDirectory(folder).release();
});

test.each(['', '{}', '{"pid":'])('is taken over when it is damaged: %j', (content) => {
  writeFileSync(join(folder, 'lock'), content);
  lockDataDirectory(folder).release();
});

test('is not taken over by two at once', () => {
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.pid, started: 'another time' }));
  writeFileSync(join(folder, 'lock.takeover'), '');
  expect(() => lockDataDirectory(folder)).toThrow(/in use by process/);
});

test('is not released by a process that no longer holds it', () => {
  const lock = lockDataDirectory(folder);
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 1, started: 'another time' }));
  lock.release();
  expect(existsSync(join(folder, 'lock'))).toBe(true);
});
