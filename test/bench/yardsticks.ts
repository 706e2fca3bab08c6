/** The programs that figures are measured beside: where they are, how they are installed, and how long they take. */
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { provideKafkaDistribution } from '../../deploy/local-stack/kafka-distribution.js';
import { Failure } from '../../runtime/failure.js';
import { projectRoot } from '../../runtime/project.js';

export { findTool } from '../support/requirement.js';

const TOOLS_FOLDER = join(projectRoot, '.nta', 'bench-tools');

/** @throws Failure `YARDSTICKS` when the script fails; its own output says why. */
export function installYardsticks(): void {
  const { status } = spawnSync('sh', [join(projectRoot, 'test', 'bench', 'yardsticks.sh')], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0)
    throw new Failure('YARDSTICKS', 'test/bench/yardsticks.sh failed; see above, or run without --install');
}

/**
 * A Python that has Scapy: the system's, or one in a folder of our own, where pip installs it at first use. Null when
 * neither is to be had.
 */
export function findScapy(): string | null {
  const own = join(TOOLS_FOLDER, 'scapy', 'bin', 'python3');
  for (const python of [own, 'python3']) if (hasScapy(python)) return python;
  if (!existsSync(own)) {
    mkdirSync(TOOLS_FOLDER, { recursive: true });
    spawnSync('python3', ['-m', 'venv', join(TOOLS_FOLDER, 'scapy')], { stdio: 'ignore' });
  }
  spawnSync(own, ['-m', 'pip', 'install', '--quiet', 'scapy==2.6.1'], { stdio: ['ignore', 'ignore', 2] });
  return hasScapy(own) ? own : null;
}

function hasScapy(python: string): boolean {
  return spawnSync(python, ['-c', 'import scapy.utils'], { stdio: 'ignore' }).status === 0;
}

/** Arguments of java for a class of Kafka's own tools, such as `org.apache.kafka.tools.ProducerPerformance`. */
export async function kafkaTool(
  mainClass: string,
  args: readonly string[],
): Promise<{ command: string; args: string[] }> {
  const cache = process.env['NTA_CACHE_DIR'] ?? join(projectRoot, '.nta');
  const { java, classPath } = await provideKafkaDistribution({ dataDir: cache });
  return { command: java.command, args: ['-Xmx512m', '-cp', classPath, mainClass, ...args] };
}

export interface TimedRun {
  readonly seconds: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and takes its time, start-up included. Output beyond a few MB belongs to `/dev/null`: give
 * `stdio` then.
 *
 * @throws Error with the program's last words when it fails.
 */
export function timeRun(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<TimedRun> {
  const startedAt = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const seconds = (performance.now() - startedAt) / 1000;
      if (code === 0) resolve({ seconds, stdout, stderr });
      else reject(new Error(`${command} ended with ${signal ?? `code ${code}`}: ${(stderr || stdout).slice(-1000)}`));
    });
  });
}
