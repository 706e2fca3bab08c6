/**
 * Global setup of every run of tests: one folder for all that it writes to the temporary folder, and one beginning of the names of all
 * network namespaces it makes. Both are removed at the end, with every process that still runs with that folder, and also when the run is stopped by a signal, which ends workers
 * in the middle of a test. What a run that was killed left is removed by the next one.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { identifyProcess, isRunning, type ProcessIdentity } from '../../deploy/local-stack/process-identity.js';
import { killAll, processesIn } from './left-processes.js';

const PREFIX = 'nta-run-';
const OWNER = '.owner';
/** In the environment of the workers: what their namespaces' names begin with. */
export const NAMESPACE_PREFIX = 'NTA_TEST_NAMESPACES';

/** Done before the folder goes, when a signal ends the run. Each project of vitest has modules of its own, so it lies outside. */
const BEFORE_END = Symbol.for('nta.test.beforeEnd');
const shared = globalThis as { [BEFORE_END]?: (() => Promise<void>)[] };

export function onRunEnded(action: () => Promise<void>): void {
  shared[BEFORE_END] = [...(shared[BEFORE_END] ?? []), action];
}

/** Both kinds of tests ask for it; the second finds it there. */
export function setup(project: TestProject): (() => void) | undefined {
  if (process.env[NAMESPACE_PREFIX] !== undefined) return undefined;
  removeAbandonedRuns();
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  // Postgres, when root runs the tests, is another user and has to come through.
  chmodSync(folder, 0o711);
  writeFileSync(join(folder, OWNER), JSON.stringify(identifyProcess(process.pid)));
  process.env['TMPDIR'] = folder;
  process.env[NAMESPACE_PREFIX] = namespacePrefix(folder);
  const remove = (): void => removeRun(folder);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void Promise.allSettled((shared[BEFORE_END] ?? []).map((action) => action())).then(() => {
        remove();
        // Vitest removes its own at an orderly end only.
        rmSync(project.tmpDir, { recursive: true, force: true });
        process.exit(130); // the workers end with it
      });
    });
  }
  return remove;
}

function removeAbandonedRuns(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name);
    try {
      const owner = JSON.parse(readFileSync(join(folder, OWNER), 'utf8')) as ProcessIdentity;
      if (!isRunning(owner)) removeRun(folder);
    } catch {
      // Being made or removed by somebody, or of another user.
    }
  }
}

function removeRun(folder: string): void {
  // Workers end with the run, which waits for them.
  killAll(processesIn(folder).filter(({ parent }) => parent !== process.pid));
  const prefix = namespacePrefix(folder);
  const listed = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout ?? '';
  for (const [name] of listed.matchAll(/^\S+/gm)) {
    if (!name.startsWith(prefix)) continue;
    const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? '';
    for (const [pid] of pids.matchAll(/^\d+/gm)) spawnSync('kill', ['-9', pid]);
    spawnSync('ip', ['netns', 'delete', name]);
  }
  rmSync(folder, { recursive: true, force: true });
}

function namespacePrefix(folder: string): string {
  return `nta-${basename(folder).slice(PREFIX.length).toLowerCase()}-`;
}
