/** A run of tests that is stopped in the middle leaves nothing behind. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { descendantsOf, killAll } from './left-processes.js';
import { requireNamespaces } from './network-namespace.js';

it.for(['SIGTERM', 'SIGINT'] as const)('when %s stops it', { timeout: 60_000 }, async (signal, context) => {
  requireNamespaces(context);
  const temporary = mkdtempSync(join(tmpdir(), 'nta-stopped-'));
  const test = join(projectRoot, 'test', 'support', `stopped-${process.pid}-${signal}.test.ts`);
  writeFileSync(
    test,
    `import { spawn } from 'node:child_process';
    import { mkdtempSync } from 'node:fs';
    import { tmpdir } from 'node:os';
    import { join } from 'node:path';
    import { it } from 'vitest';
    import { createNamespacePair } from './network-namespace.js';
    it('waits', { timeout: 60_000 }, async () => {
      mkdtempSync(join(tmpdir(), 'left-'));
      // In a process group of its own, as the parts of nta are.
      const command = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
      process.stdout.write('MADE ' + createNamespacePair().left.name + ' ' + command.pid + '\\n');
      await new Promise(() => undefined);
    });`,
  );
  try {
    const { NTA_TEST_NAMESPACES: _, ...env } = process.env;
    const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs');
    const run = spawn(process.execPath, [vitest, 'run', '--project', 'unit', test], {
      cwd: projectRoot,
      env: { ...env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((resolve) => run.once('exit', resolve));
    let output = '';
    const made = new Promise<RegExpExecArray>((resolve, reject) => {
      run.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const match = /MADE (\S+) (\d+)/.exec(output);
        if (match !== null) resolve(match);
      });
      void ended.then(() => reject(new Error(`it ended first:\n${output}`)));
    });
    const [, namespace, pid] = await made;
    expect(namespaces()).toContain(namespace);
    expect(isAlive(Number(pid))).toBe(true);
    run.kill(signal);
    await ended;
    expect(namespaces()).not.toContain(namespace);
    await expect.poll(() => isAlive(Number(pid))).toBe(false);
    expect(readdirSync(temporary)).toEqual([]);
  } finally {
    rmSync(test);
    rmSync(temporary, { recursive: true, force: true });
  }
});

it('what a file of tests has started is found, and ended with its children', async () => {
  const parent = spawn('/bin/sh', ['-c', 'sleep 1000 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const child = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
  const left = descendantsOf(process.pid);
  expect(left.map(({ pid }) => pid)).toEqual(expect.arrayContaining([parent.pid, child]));
  killAll(left.filter(({ pid }) => pid === parent.pid || pid === child));
  await expect.poll(() => [isAlive(parent.pid!), isAlive(child)]).toEqual([false, false]);
});

/** Not as a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

function namespaces(): string {
  return spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
}
