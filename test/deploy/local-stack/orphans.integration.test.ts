/** Nothing outlives the process that started the stack, however that one ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeLocalStackData } from '../../../deploy/local-stack/local-stack.js';
import { projectRoot } from '../../../runtime/process/project.js';
import { createDataDirectory, startPrivateStack } from '../../support/local-stack.js';

const PARENT = join(projectRoot, 'dist/test/support/local-stack-parent.js');

/** The longest stop of a server, by its stop sequence. */
const GONE_WITHIN_MS = 30_000;

let dataDir: string;

beforeEach(() => {
  dataDir = createDataDirectory();
});

afterEach(() => {
  removeLocalStackData(dataDir);
});

/** Processes whose environment or command line names the data directory: servers, guardians, Postgres's backends. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(directory) || commandOf(pid).includes(directory);
      } catch {
        return false;
      }
    })
    .map((pid) => `${pid} ${commandOf(pid)}`)
    .filter((line) => !line.endsWith(' '));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

async function startParent(command: string, args: string[], cwd: string): Promise<ChildProcess> {
  // The mark in the environment finds every descendant, whatever it calls itself.
  const parent = spawn(command, args, {
    cwd,
    env: { ...process.env, NTA_TEST_MARK: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const [line] = (await Promise.race([
    once(
      createInterface({ input: parent.stdout! }).on('line', () => undefined),
      'line',
    ),
    once(parent, 'exit').then(([code]) => Promise.reject(new Error(`the parent ended with code ${code}`))),
  ])) as [string];
  expect(JSON.parse(line.startsWith('{') ? line : '{}')).toBeDefined();
  return parent;
}

async function untilGone(directory: string): Promise<void> {
  const deadline = Date.now() + GONE_WITHIN_MS;
  while (processesOf(directory).length > 0 && Date.now() < deadline) {
    await new Promise((done) => setTimeout(done, 100));
  }
  expect(processesOf(directory)).toEqual([]);
}

test.runIf(process.platform === 'linux')(
  'kill -9 of the parent leaves no process, and the data opens again',
  async () => {
    const parent = await startParent(process.execPath, [PARENT, dataDir], '/');
    process.kill(parent.pid!, 'SIGKILL');
    // At once: the lock is stale, and the old servers are still stopping.
    const stack = await startPrivateStack({ kafka: true, postgres: true, dataDir });
    await stack.stop();
    await untilGone(dataDir);
  },
);

test.runIf(process.platform === 'linux')('kill -9 of the parent and of the guardians leaves no process', async () => {
  const parent = await startParent(process.execPath, [PARENT, dataDir], '/');
  const guardians = processesOf(dataDir).filter((line) => line.includes('guardian.js'));
  expect(guardians).toHaveLength(2);
  for (const pid of [parent.pid!, ...guardians.map((line) => Number.parseInt(line, 10))]) process.kill(pid, 'SIGKILL');
  await untilGone(dataDir);
});

test.runIf(process.platform === 'linux').each([
  ['the whole group of an npm chain', (npm: number) => process.kill(-npm, 'SIGKILL')],
  ['npm alone', (npm: number) => process.kill(npm, 'SIGKILL')],
])('kill -9 of %s leaves no process', async (_, kill) => {
  const project = mkdtempSync(join(tmpdir(), 'nta-npm-'));
  try {
    const start = `${JSON.stringify(process.execPath)} ${JSON.stringify(PARENT)} ${JSON.stringify(dataDir)}`;
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'chain', scripts: { start } }));
    const npm = await startParent('npm', ['start', '--silent'], project);
    kill(npm.pid!);
    await untilGone(dataDir);
  } finally {
    rmSync(project, { recursive: true });
  }
});
