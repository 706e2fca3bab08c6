import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { describeExit, exitOf, stopChild } from '../../../runtime/process/child.js';
import { GrowingDelay } from '../../../runtime/process/growing-delay.js';
import { KeptRunning, type Launched } from '../../../runtime/process/kept-running.js';

/** A shell that says when it is ready. */
function shell(script: string, pids: number[] = []): Launched {
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  pids.push(child.pid!);
  const exited = exitOf(child);
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => resolve());
    void exited.then((exit) => reject(new Error(describeExit(exit))));
  });
  return {
    ready,
    exited: exited.then(describeExit),
    stop: () => stopChild(child, exited, [{ signal: 'SIGTERM', waitMs: 5_000 }]),
  };
}

const LIVES = 'echo ready; exec sleep 60';

function keep(scripts: readonly string[], pids: number[] = []): { kept: KeptRunning; said: string[] } {
  const said: string[] = [];
  let runs = 0;
  const kept = new KeptRunning({
    launch: () => shell(scripts[Math.min(runs++, scripts.length - 1)]!, pids),
    delay: new GrowingDelay(1, 4),
    onEnded: (reason) => said.push(reason),
    onRestarted: () => said.push('restarted'),
  });
  return { kept, said };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('rejects with the reason of the first start, which is not tried again', async () => {
  const { kept, said } = keep(['exit 3', LIVES]);
  await expect(kept.start()).rejects.toThrow('ended with exit code 3');
  await kept.stop();
  expect(said).toEqual([]);
});

it('is started again whatever ended it, and however often a start fails', async () => {
  const { kept, said } = keep(['echo ready; kill -9 $$', 'exit 7', LIVES]);
  await kept.start();
  await expect.poll(() => said.at(-1)).toBe('restarted');
  expect(said).toEqual([
    expect.stringMatching(/^was killed by SIGKILL/),
    'did not start again: ended with exit code 7',
    'restarted',
  ]);
  await kept.stop();
});

it('stays down once it is stopped', async () => {
  const pids: number[] = [];
  const { kept, said } = keep([LIVES], pids);
  await kept.start();
  await kept.stop();
  expect(said).toEqual([]);
  expect(pids.filter(isAlive)).toEqual([]);
});

it('is stopped while it is being started again', async () => {
  const pids: number[] = [];
  const { kept } = keep(['echo ready', 'exec sleep 60'], pids);
  await kept.start();
  await expect.poll(() => pids.length).toBe(2);
  await kept.stop();
  expect(pids.filter(isAlive)).toEqual([]);
});
