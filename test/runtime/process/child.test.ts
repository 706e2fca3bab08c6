import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { childEnvironment, describeExit, exitOf, stopChild } from '../../../runtime/process/child.js';

it.each([
  [{ code: 3, signal: null }, 'ended with exit code 3'],
  [{ code: null, signal: 'SIGTERM' as const }, 'was ended by SIGTERM'],
  [{ code: 143, signal: null }, 'was ended by SIGTERM'],
  [{ code: null, signal: null }, 'could not be started'],
])('%j is said as "%s"', (exit, said) => {
  expect(describeExit(exit)).toBe(said);
});

it('SIGKILL is said with where to look', () => {
  for (const exit of [
    { code: null, signal: 'SIGKILL' as const },
    { code: 137, signal: null },
  ])
    expect(describeExit(exit)).toMatch(/^was killed by SIGKILL, .*journalctl/);
});

it('what cannot be started has ended', async () => {
  const child = spawn('/no/such/program');
  const exited = exitOf(child);
  expect(await exited).toEqual({ code: null, signal: null });
  await stopChild(child, exited, [{ signal: 'SIGTERM', waitMs: 1 }]);
});

it('who ignores a signal gets the next one, and SIGKILL at last', async () => {
  const child = spawn('/bin/sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 60; done'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const exited = exitOf(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  let killed = false;
  await stopChild(child, exited, [{ signal: 'SIGTERM', waitMs: 10 }], () => {
    killed = true;
  });
  expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(killed).toBe(true);
  process.kill(-child.pid!, 'SIGKILL'); // its sleep
});

it('a program that is not ours inherits nothing that may be a secret', () => {
  const ours = {
    PATH: '/bin',
    HOME: '/root',
    LANG: 'C',
    LC_ALL: 'C',
    JAVA_HOME: '/java',
    AWS_SECRET_ACCESS_KEY: 'k',
    DB_PASSWORD: 'p',
    NTA_API_TOKEN: 't',
    PGPASSWORD: 'p',
    NODE_OPTIONS: '--require=x',
  };
  expect(childEnvironment(undefined, ours)).toEqual({ PATH: '/bin', HOME: '/root', LANG: 'C', LC_ALL: 'C' });
  expect(childEnvironment(/^JAVA_HOME$/, ours)).toHaveProperty('JAVA_HOME', '/java');
});
