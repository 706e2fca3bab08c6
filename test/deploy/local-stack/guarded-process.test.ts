import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { awaitLeftovers, GuardedProcess, runGuarded } from '../../../deploy/local-stack/guarded-process.js';
import { identifyProcess, isRunning } from '../../../deploy/local-stack/process-identity.js';
import type { StopStep } from '../../../runtime/process/child.js';

let folder: string;
let outputFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-guarded-'));
  outputFile = join(folder, 'output.log');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function spawnShell(script: string, stopSequence: readonly StopStep[]): Promise<GuardedProcess> {
  return GuardedProcess.spawn({
    command: '/bin/sh',
    args: ['-c', script],
    workingDirectory: '/',
    environment: process.env,
    outputFile,
    stopSequence,
  });
}

async function untilOutput(text: string): Promise<void> {
  while (!readFileSync(outputFile, 'utf8').includes(text)) await new Promise((done) => setTimeout(done, 10));
}

const WAIT_FOR_EVER = 'while :; do sleep 0.05; done';

test('a stop goes from signal to signal until one is obeyed', async () => {
  const guarded = await spawnShell(`trap 'echo polite' TERM; trap 'echo fast; exit 3' INT; echo up; ${WAIT_FOR_EVER}`, [
    { signal: 'SIGTERM', waitMs: 300 },
    { signal: 'SIGINT', waitMs: 5_000 },
  ]);
  await untilOutput('up');
  expect(await guarded.stop()).toEqual({ code: 3, signal: null });
  expect(readFileSync(outputFile, 'utf8')).toBe('up\npolite\nfast\n');
});

test('a process that obeys no signal is killed, with what it started', async () => {
  const guarded = await spawnShell(`trap '' TERM; sleep 1000 & echo child $!; ${WAIT_FOR_EVER}`, [
    { signal: 'SIGTERM', waitMs: 200 },
  ]);
  await untilOutput('child');
  const child = identifyProcess(Number(/child (\d+)/.exec(readFileSync(outputFile, 'utf8'))?.[1]));
  expect(await guarded.stop()).toEqual({ code: null, signal: 'SIGKILL' });
  await expect.poll(() => isRunning(child!)).toBe(false);
});

test('a paused process can be stopped', async () => {
  const guarded = await spawnShell(`trap 'exit 0' TERM; echo up; ${WAIT_FOR_EVER}`, [
    { signal: 'SIGTERM', waitMs: 5_000 },
  ]);
  await untilOutput('up');
  guarded.signal('SIGSTOP');
  expect(await guarded.stop()).toEqual({ code: 0, signal: null });
});

test('the end of the guardian ends the process', async () => {
  const guarded = await spawnShell(WAIT_FOR_EVER, []);
  const [guardian, child] = guarded.identities();
  process.kill(guardian!.pid, 'SIGKILL');
  await guarded.exited;
  await expect.poll(() => isRunning(child!)).toBe(false);
});

test('a command that is not there is named', async () => {
  const run = runGuarded({
    command: join(folder, 'nothing'),
    args: [],
    workingDirectory: '/',
    environment: process.env,
    outputFile,
  });
  const outcome = await run.then(
    ({ exit, output }) => `${exit.code} ${output}`,
    (error: Error) => error.message,
  );
  expect(outcome).toContain(join(folder, 'nothing'));
});

test('a run gives exit code and output', async () => {
  const options = {
    command: '/bin/sh',
    args: ['-c', 'echo out; echo error >&2; exit 4'],
    workingDirectory: '/',
    environment: process.env,
    outputFile,
  };
  expect(await runGuarded(options)).toEqual({ exit: { code: 4, signal: null }, output: 'out\nerror\n' });
});

test('leftovers are waited for, then killed', async () => {
  const guarded = await spawnShell(WAIT_FOR_EVER, []);
  const identities = guarded.identities();
  await awaitLeftovers(identities, 200);
  expect(identities.filter(isRunning)).toEqual([]);
  await guarded.exited;
});
