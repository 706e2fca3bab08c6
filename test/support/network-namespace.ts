/**
 * Two hosts of our own on one machine: network namespaces joined by a veth pair, with addresses that exist nowhere
 * else. Tests that need real tools on a real wire run them here; nothing leaves the machine.
 *
 * Everything is removed by `remove()`, and also when the process exits or is ended by a signal.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { findTool, requireCondition, type SkippableTest } from './requirement.js';
import { NAMESPACE_PREFIX } from './run-folder.js';

export interface NamespaceHost {
  /** Name of the namespace. */
  readonly name: string;
  /** Name of its end of the veth pair, the only interface besides lo. */
  readonly interface: string;
  readonly mac: string;
  /** "10.77.0.1" */
  readonly ipv4: string;
  /** "2001:db8:77::1" */
  readonly ipv6: string;
  /** Starts a command in the namespace. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Runs a command in the namespace to its end; never throws for its exit code. */
  run(command: string, args: readonly string[], timeoutMs?: number): CommandResult;
}

export interface CommandResult {
  /** null when the command was ended by the time limit. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NamespacePair {
  readonly left: NamespaceHost;
  readonly right: NamespaceHost;
  /** Ends what still runs in the namespaces and removes them. May be called twice. */
  remove(): void;
}

/** Whether this process may make namespaces, and if not, why. */
export function canUseNamespaces(): { readonly usable: true } | { readonly usable: false; readonly reason: string } {
  if (process.platform !== 'linux') return { usable: false, reason: 'network namespaces exist on Linux only' };
  if (findTool('ip') === undefined) return { usable: false, reason: 'not installed: ip (package iproute2)' };
  const name = randomName();
  const made = spawnSync(findTool('ip')!, ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) {
    return { usable: false, reason: `no permission to make network namespaces (run as root): ${made.stderr.trim()}` };
  }
  const link = spawnSync(findTool('ip')!, [
    '-n',
    name,
    'link',
    'add',
    'name',
    'veth0',
    'type',
    'veth',
    'peer',
    'name',
    'veth1',
  ]);
  spawnSync(findTool('ip')!, ['netns', 'delete', name]);
  if (link.status !== 0) return { usable: false, reason: 'the kernel offers no veth interfaces' };
  return { usable: true };
}

/** Skips the test (fails it with CI set) where namespaces cannot be made. */
export function requireNamespaces(test: SkippableTest): void {
  const answer = canUseNamespaces();
  requireCondition(test, answer.usable, answer.usable ? '' : answer.reason);
}

/** Namespaces to remove when the process ends, whoever forgot them. */
const open = new Set<() => void>();
let cleanupInstalled = false;

/** Two namespaces, 10.77.0.1 and 10.77.0.2, 2001:db8:77::1 and ::2, up and reachable when this returns. */
export function createNamespacePair(): NamespacePair {
  installCleanup();
  const id = randomName();
  const names = [`${id}-l`, `${id}-r`] as const;
  const remove = (): void => {
    open.delete(remove);
    for (const name of names) removeNamespace(name);
  };
  open.add(remove);
  try {
    for (const name of names) ip('netns', 'add', name);
    ip('-n', names[0], 'link', 'add', 'name', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', names[1]);
    const left = prepareHost(names[0], 1);
    const right = prepareHost(names[1], 2);
    return { left, right, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function prepareHost(name: string, number: number): NamespaceHost {
  const mac = `02:77:00:00:00:0${number}`;
  const ipv4 = `10.77.0.${number}`;
  const ipv6 = `2001:db8:77::${number}`;
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'link', 'set', 'eth0', 'address', mac);
  ip('-n', name, 'address', 'add', `${ipv4}/24`, 'dev', 'eth0');
  // nodad: duplicate address detection would keep the address unusable for a second.
  const ipv6Result = spawnSync(findTool('ip')!, ['-n', name, 'address', 'add', `${ipv6}/64`, 'dev', 'eth0', 'nodad']);
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  const inside = (command: string, args: readonly string[]): string[] => ['netns', 'exec', name, command, ...args];
  return {
    name,
    interface: 'eth0',
    mac,
    ipv4,
    ipv6: ipv6Result.status === 0 ? ipv6 : '',
    spawn: (command, args, options = {}) => spawn(findTool('ip')!, inside(command, args), options),
    run(command, args, timeoutMs = 60_000) {
      const result = spawnSync(findTool('ip')!, inside(command, args), {
        encoding: 'utf8',
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 64 << 20,
      });
      return { exitCode: result.status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
    },
  };
}

function removeNamespace(name: string): void {
  const listed = spawnSync(findTool('ip')!, ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of (listed.stdout ?? '').split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  }
  spawnSync(findTool('ip')!, ['netns', 'delete', name]);
}

function ip(...args: readonly string[]): void {
  execFileSync(findTool('ip')!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function randomName(): string {
  return `${process.env[NAMESPACE_PREFIX] ?? 'nta-'}${randomBytes(4).toString('hex')}`;
}

function installCleanup(): void {
  if (cleanupInstalled) return;
  cleanupInstalled = true;
  const removeAll = (): void => {
    for (const remove of [...open]) remove();
  };
  process.once('exit', removeAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      removeAll();
      process.kill(process.pid, signal); // the handler is gone: the default action ends the process
    });
  }
}
