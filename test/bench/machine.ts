/** What a run was measured on: commit, machine and versions, without which a figure says little. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { projectRoot, projectVersion } from '../../runtime/process/project.js';

export interface MachineDescription {
  /** The commit, with `+` when the tree differs from it; null outside of a clone. */
  readonly commit: string | null;
  readonly version: string;
  readonly time: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** First line of what each tool says of its version; null where it is not installed. */
  readonly tools: Readonly<Record<string, string | null>>;
  /** Processes that wanted to run in the minute before the bench began; near 0 on a machine of its own. */
  readonly loadBefore: number;
}

const VERSION_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  java: ['java', '-version'],
  psql: ['psql', '--version'],
  tshark: ['tshark', '--version'],
  tcpdump: ['tcpdump', '--version'],
  tcpreplay: ['tcpreplay', '--version'],
  pmacctd: ['pmacctd', '-V'],
  suricata: ['suricata', '-V'],
};

export function describeMachine(): MachineDescription {
  return {
    commit: commit(),
    version: projectVersion,
    time: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    tools: Object.fromEntries(
      Object.entries(VERSION_COMMANDS).map(([name, [command, ...args]]) => [name, firstLine(command!, args)]),
    ),
    loadBefore: loadavg()[0]!,
  };
}

function commit(): string | null {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { cwd: projectRoot, encoding: 'utf8' }).trim();
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return null;
  }
}

function firstLine(command: string, args: readonly string[]): string | null {
  const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) return null;
  return (
    `${stdout}${stderr}`
      .split('\n')
      .find((line) => /\d/.test(line))
      ?.trim() ?? null
  );
}
