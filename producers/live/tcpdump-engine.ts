/** The engine tcpdump: kernel timestamps, kernel drop counters, and nothing of ours to install. */
import { execFile, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { Failure } from '../../runtime/process/failure.js';
import { type EngineDefinition, readDropCount } from './engine.js';
import { filterRefusal } from './libpcap-engine.js';

export const tcpdumpEngine: EngineDefinition = {
  name: 'tcpdump',
  command: (options) => ({
    file: 'tcpdump',
    args: [
      ...['-i', options.interface, '-n', '-w', '-'],
      // Frames come at once, not when libpcap's buffer of up to a second or stdio's 4 KiB are full.
      ...['--immediate-mode', '-U'],
      ...['-s', String(options.snapLength), '-B', String(Math.max(1, Math.floor(options.kernelBufferBytes / 1024)))],
      ...(options.promiscuous ? [] : ['-p']),
      ...(options.packetFilter === '' ? [] : ['--', options.packetFilter]),
    ],
  }),
  // At its end, and on SIGUSR1 in between.
  readStatistics: readDropCount,
  hasBegun: (standardError) => standardError.includes('listening on'),
};

/** What `spawn` says of a program that is not there, or may not be run here. */
const NOT_RUN: readonly unknown[] = ['ENOENT', 'EACCES', 'EPERM'];

/** tcpdump's own first line, such as "tcpdump version 4.99.3"; null when it cannot be run. */
export async function tcpdumpVersion(): Promise<string | null> {
  const { code, standardError, standardOutput } = await run(['--version']);
  return NOT_RUN.includes(code) ? null : ((standardOutput || standardError).split('\n')[0] ?? '');
}

/**
 * Compiles the expression, by tcpdump, or by the system's libpcap where that is not installed.
 *
 * @throws Failure `PACKET_FILTER` with libpcap's own message when the expression does not compile.
 */
export async function checkPacketFilter(expression: string): Promise<void> {
  if (expression === '') return;
  // With a link type named tcpdump compiles without opening an interface, which would need the right to.
  const { code, standardError } = await run(['-y', 'EN10MB', '-d', '--', expression]);
  const reason = NOT_RUN.includes(code) ? filterRefusal(expression) : code === 0 ? null : reasonIn(standardError);
  if (reason === null) return;
  throw new Failure(
    'PACKET_FILTER',
    `--packet-filter ${JSON.stringify(expression)}: ${reason}; write it as for tcpdump (man pcap-filter)`,
  );
}

/** A capture file with only the packets that match, as a pcap stream. */
export interface FilteredCapture {
  readonly output: Readable;
  /** Resolves at the end: why tcpdump could not read the file, or null. */
  readonly failed: Promise<string | null>;
}

export function filterCapture(file: string, expression: string): FilteredCapture {
  const child = spawn('tcpdump', ['-r', file, '-w', '-', '--', expression], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  let standardError = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    standardError = (standardError + text).slice(-2048);
  });
  const failed = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(`--packet-filter needs tcpdump: ${error.message}`));
    child.once('close', (code) => resolve(code === 0 ? null : reasonIn(standardError)));
  });
  return { output: child.stdout, failed };
}

/** tcpdump's error lines without its name and what it says anyway. */
function reasonIn(standardError: string): string {
  return standardError
    .split('\n')
    .map((line) => line.replace(/^tcpdump: /, '').trim())
    .filter((line) => line !== '' && !/^(data link type|reading from file|dropped privs)/.test(line))
    .join('; ');
}

interface RunResult {
  readonly code: number | string | null;
  readonly standardOutput: string;
  readonly standardError: string;
}

/** Runs tcpdump to its end. */
function run(args: readonly string[]): Promise<RunResult> {
  return new Promise((resolve) => {
    try {
      execFile(
        'tcpdump',
        args,
        { timeout: 10_000, env: { ...process.env, LC_ALL: 'C' } },
        (error, standardOutput, standardError) =>
          resolve({ code: error === null ? 0 : (error.code ?? null), standardOutput, standardError }),
      );
    } catch (error) {
      // Thrown, not called back: EPERM where the program file has a capability that a container may not have at all.
      resolve({ code: (error as NodeJS.ErrnoException).code ?? null, standardOutput: '', standardError: '' });
    }
  });
}
