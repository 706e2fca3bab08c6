/** The programs that figures are measured beside: where they are, how they are installed, and how long they take. */
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { provideKafkaDistribution } from '../../deploy/local-stack/kafka-distribution.js';
import { Failure } from '../../runtime/process/failure.js';
import { projectRoot } from '../../runtime/process/project.js';

export { findTool } from '../support/requirement.js';

/** Where tools of the bench's own go that the system has no package of. */
export const TOOLS_FOLDER = join(projectRoot, '.nta', 'bench-tools');

/** @throws Failure `YARDSTICKS` when the script fails; its own output says why. */
export function installYardsticks(): void {
  const { status } = spawnSync('sh', [join(projectRoot, 'test', 'bench', 'yardsticks.sh')], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0)
    throw new Failure('YARDSTICKS', 'test/bench/yardsticks.sh failed; see above, or run without --install');
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
