/**
 * A live engine: a child process that captures on one interface and writes a pcap stream to its standard output. It
 * alone needs the right to capture, and a flood cannot stop anything but itself.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { childEnvironment, endWithUs, exitOf, stopChild } from '../../runtime/process/child.js';

export interface EngineOptions {
  readonly interface: string;
  /** Bytes kept of each frame; 0 for all. */
  readonly snapLength: number;
  readonly kernelBufferBytes: number;
  /** libpcap filter expression; empty for everything. */
  readonly packetFilter: string;
  readonly promiscuous: boolean;
}

/** Counters of one engine, since it started. */
export interface EngineStatistics {
  /** Frames that the kernel had no room for. */
  readonly dropped: number;
}

export interface EngineExit {
  /** The last lines of its standard error: what it died of. */
  readonly message: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Engine {
  readonly output: Readable;
  /** Resolves when the child is gone and its output has been read to the end. */
  readonly exited: Promise<EngineExit>;
  /** The latest counters; `refresh` asks for newer ones. */
  readonly statistics: EngineStatistics;
  refresh(): void;
  /** Ends the capture; what was captured is still written out. */
  stop(): void;
}

export interface EngineDefinition {
  readonly name: 'libpcap' | 'tcpdump' | 'cap';
  /** The command line. */
  readonly command: (options: EngineOptions) => { readonly file: string; readonly args: readonly string[] };
  /** Reads the counters from what the engine has written to standard error; null where they are not in it. */
  readonly readStatistics: (standardError: string) => EngineStatistics | null;
  /** Whether the line of standard error says that the capture has begun: earlier signals would kill it. */
  readonly hasBegun: (standardError: string) => boolean;
}

/** Reads the last "N packets dropped by kernel". */
export function readDropCount(standardError: string): EngineStatistics | null {
  const last = [...standardError.matchAll(/(\d+) packets? dropped by kernel/g)].at(-1);
  return last === undefined ? null : { dropped: Number(last[1]) };
}

/** How long an engine may take to write out what it has, milliseconds. */
const STOP_PATIENCE_MS = 5_000;
/** Characters of standard error kept: counters and last words. */
const STDERR_KEPT = 4096;

export function startEngine(definition: EngineDefinition, options: EngineOptions): Engine {
  const { file, args } = definition.command(options);
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...childEnvironment(), LC_ALL: 'C' },
  });
  let standardError = '';
  let statistics: EngineStatistics = { dropped: 0 };
  let begun = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    standardError = (standardError + text).slice(-STDERR_KEPT);
    begun ||= definition.hasBegun(standardError);
    statistics = definition.readStatistics(standardError) ?? statistics;
  });
  const exited = new Promise<EngineExit>((resolve) => {
    child.once('error', (error) => resolve({ message: error.message, code: null, signal: null }));
    child.once('close', (code, signal) => resolve({ message: lastWords(standardError), code, signal }));
  });
  endWithUs(child, exited, 'INT');
  const gone = exitOf(child);
  return {
    output: child.stdout,
    exited,
    get statistics() {
      return statistics;
    },
    refresh: () => {
      if (begun && child.exitCode === null) child.kill('SIGUSR1');
    },
    stop: () => {
      void stopChild(child, gone, [{ signal: 'SIGINT', waitMs: STOP_PATIENCE_MS }]);
    },
  };
}

/** The lines that say why, without the engine's name and its counters. */
function lastWords(standardError: string): string {
  const lines = standardError
    .split('\n')
    .map((line) => line.replace(/^tcpdump: /, '').trim())
    // libpcap's explanation in brackets says the same again.
    .filter(
      (line) =>
        line !== '' &&
        !/^\(.*\)$/.test(line) &&
        !/^\d+ packets? |^listening on |^dropped privs|^data link type/.test(line),
    );
  return lines.slice(-2).join(' ');
}
