/** What commands print arrives whole, at readers of every kind and speed, or the command says that it did not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import { NTA_ENTRY } from '../support/nta-command.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-output-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Several times what a pipe takes at once, 64 KiB. */
const ALERTS = ['analyze', '--format=json', ...new Array<string>(12).fill(DEMONSTRATION)];
const PACKETS = ['decode', DEMONSTRATION];
const SQL = ['setup', '--print'];

interface Ending {
  readonly code: number | null;
  readonly stderr: string;
}

async function ending(child: ChildProcess): Promise<Ending> {
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stderr };
}

/** Runs `nta` in a shell that first does something about its output: "exec \"$@\" > /dev/full". */
function inShell(script: string, args: readonly string[]): ChildProcess {
  return spawn('/bin/sh', ['-c', script, 'sh', process.execPath, NTA_ENTRY, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Reads nothing until the command has ended or waits for its reader, then everything. */
async function readLate(child: ChildProcess): Promise<string> {
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  let before = '';
  for (let still = 0; !ended && still < 5; ) {
    await sleep(100);
    const now = processorTime(child.pid!);
    still = now === before ? still + 1 : 0;
    before = now;
  }
  let text = '';
  for await (const chunk of child.stdout!.setEncoding('utf8')) text += chunk;
  return text;
}

/** proc(5): utime and stime of /proc/PID/stat, empty when the process has gone. */
function processorTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .join(' ');
  } catch {
    return '';
  }
}

describe('a reader that comes late to', () => {
  it.each([
    ['analyze --format json', ALERTS],
    ['decode', PACKETS],
  ])('%s gets all of it', async (_, args) => {
    const child = spawn(process.execPath, [NTA_ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [{ code, stderr }, late] = await Promise.all([ending(child), readLate(child)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const file = join(folder, 'whole');
    expect((await ending(inShell(`exec "$@" > '${file}'`, args))).code).toBe(0);
    expect(late.length).toBeGreaterThan(200_000);
    expect(late).toBe(readFileSync(file, 'utf8'));
  });
});

describe('a reader that leaves', () => {
  it.each([
    ['analyze --format json', ALERTS],
    ['decode', PACKETS],
    ['setup --print', SQL],
    ['--help', ['run', '--help']],
  ])('ends %s without a word, as SIGPIPE would', async (_, args) => {
    const child = spawn(process.execPath, [NTA_ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout!.destroy();
    expect(await ending(child)).toEqual({ code: 141, stderr: '' });
  });

  it('of the log ends nothing', async () => {
    const child = spawn(process.execPath, [NTA_ENTRY, 'analyze', DEMONSTRATION], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr!.destroy();
    let table = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      table += text;
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    expect(code).toBe(0);
    expect(table).toContain('port-scan');
  });
});

describe('a full disk', () => {
  it.each([
    ['analyze --format json', ALERTS],
    ['analyze', ['analyze', DEMONSTRATION]],
    ['decode', PACKETS],
    ['decode --summary', ['decode', '--summary', DEMONSTRATION]],
    ['interfaces', ['interfaces', '--json']],
    ['setup --print', SQL],
    ['doctor', ['doctor', '--json']],
    ['--help', ['run', '--help']],
    ['--version', ['--version']],
  ])('is said by %s', async (_, args) => {
    const { code, stderr } = await ending(inShell('exec "$@" > /dev/full', args));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nta: standard output cannot be written: ENOSPC: .*\n$/m);
  });

  it('is said when it fills up in the middle of a write', async () => {
    const file = join(folder, 'cut');
    // 64 blocks of 512 bytes; the write that meets the limit is cut short, which is no error yet.
    const { code, stderr } = await ending(inShell(`ulimit -f 64; exec "$@" > '${file}'`, SQL));
    expect(statSync(file).size).toBe(64 * 512);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nta: standard output cannot be written: EFBIG: [^\n]*\n$/);
  });
});
