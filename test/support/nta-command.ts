/**
 * Runs the `nta` command as a user would: a process of its own, its output and its exit code. It is the build that the
 * global setup has made: `deploy/nta.js` in front of it would install and compile again whenever a source has changed
 * since.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../runtime/process/project.js';

/** The build of the command. */
export const NTA_ENTRY = join(projectRoot, 'dist', 'deploy', 'nta', 'main.js');

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** What was printed so far. */
  output(): { stdout: string; stderr: string };
  /** Resolves when standard output or standard error matches. @throws Error with the output when it ends or time is up first. */
  printed(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  readonly ended: Promise<CommandResult>;
  /** SIGINT, as Ctrl-C does, then the result. */
  interrupt(): Promise<CommandResult>;
}

/** Settings of the surroundings that would change what a test asks for. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(NTA|KAFKA|DB|SCHEMA_REGISTRY)_/.test(name) || name === 'NTA_CACHE_DIR',
    ),
  );
}

export function startNta(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; wrapper?: readonly string[]; stdin?: 'ignore' | 'pipe' } = {},
): RunningCommand {
  const command = [...(options.wrapper ?? []), process.execPath, NTA_ENTRY, ...args];
  const child = spawn(command[0]!, command.slice(1), {
    cwd: projectRoot,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    child.emit('printed');
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    child.emit('printed');
  });
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  const printed = (pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stdout) ?? pattern.exec(stderr);
        if (match) settle(() => resolve(match));
      };
      const give = (why: string): void =>
        settle(() => reject(new Error(`${why} before it printed ${pattern}:\n${stdout}\n${stderr}`)));
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        child.off('printed', look);
        action();
      };
      const timer = setTimeout(() => give(`${timeoutMs} ms went by`), timeoutMs);
      child.on('printed', look);
      void ended.then(() => {
        look();
        give('the command ended');
      });
      look();
    });
  return {
    child,
    output: () => ({ stdout, stderr }),
    printed,
    ended,
    interrupt: async () => {
      child.kill('SIGINT');
      return ended;
    },
  };
}

export function runNta(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; wrapper?: readonly string[] } = {},
): Promise<CommandResult> {
  return startNta(args, options).ended;
}
