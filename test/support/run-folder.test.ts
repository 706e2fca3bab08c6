/** A run of tests that is stopped in the middle leaves nothing behind. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { requireNamespaces } from './network-namespace.js';

it.for(['SIGTERM', 'SIGINT'] as const)('when %s stops it', { timeout: 60_000 }, async (signal, context) => {
  requireNamespaces(context);
  const temporary = mkdtempSync(join(tmpdir(), 'nta-stopped-'));
  const test = join(projectRoot, 'test', 'support', `stopped-${process.pid}-${signal}.test.ts`);
  writeFileSync(
    test,
    `import { mkdtempSync } from 'node:fs';
    import { tmpdir } from 'node:os';
    import { join } from 'node:path';
    import { it } from 'vitest';
    import { createNamespacePair } from './network-namespace.js';
    it('waits', { timeout: 60_000 }, async () => {
      mkdtempSync(join(tmpdir(), 'left-'));
      process.stdout.write('MADE ' + createNamespacePair().left.name + '\\n');
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
    const made = new Promise<string>((resolve, reject) => {
      run.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const name = /MADE (\S+)/.exec(output)?.[1];
        if (name !== undefined) resolve(name);
      });
      void ended.then(() => reject(new Error(`it ended first:\n${output}`)));
    });
    const namespace = await made;
    expect(namespaces()).toContain(namespace);
    run.kill(signal);
    await ended;
    expect(namespaces()).not.toContain(namespace);
    expect(readdirSync(temporary)).toEqual([]);
  } finally {
    rmSync(test);
    rmSync(temporary, { recursive: true, force: true });
  }
});

function namespaces(): string {
  return spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
}
