/**
 * Global setup of the integration tests: compiles the project, since tests start its processes as users do, and brings up
 * one Kafka and one Postgres for the whole run, on empty data that is removed afterwards.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { TestProject } from 'vitest/node';
import { removeLocalStackData, startLocalStack } from '../../deploy/local-stack/local-stack.js';
import { projectRoot } from '../../runtime/process/project.js';
import { onRunEnded } from './run-folder.js';

const DATA_PREFIX = 'nta-test-';

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Fetched Kafka jars serve every run of this clone.
  process.env.NTA_CACHE_DIR ??= join(projectRoot, '.nta');
  compile();
  const dataDir = mkdtempSync(join(tmpdir(), DATA_PREFIX));
  // mkdtemp closes it to all others; Postgres, when root runs the tests, is another user.
  chmodSync(dataDir, 0o711);
  try {
    const stack = await startLocalStack({
      dataDir,
      kafka: true,
      postgres: true,
      log: pino({ level: process.env.NTA_TEST_LOG_LEVEL ?? 'warn' }),
      onProgress: (message) => process.stderr.write(`${message}\n`),
      // Of no use to data that nobody keeps.
      postgresSettings: { fsync: 'off' },
    });
    const { control: _control, ...postgres } = stack.postgres!;
    project.provide('kafkaBrokers', [...stack.kafka!.brokers]);
    project.provide('kafkaPassword', stack.kafka!.password);
    project.provide('postgres', postgres);
    const stop = async (): Promise<void> => {
      await stack.stop();
      removeLocalStackData(dataDir);
    };
    onRunEnded(stop);
    return stop;
  } catch (error) {
    removeLocalStackData(dataDir);
    throw error;
  }
}

/** Type errors are for `npm run check`: the compiler emits in spite of them, and the tests tell what works. */
function compile(): void {
  execFileSync(
    process.execPath,
    [join(projectRoot, 'node_modules/vite/bin/vite.js'), 'build', '--config', 'api/dashboard/vite.config.ts'],
    { cwd: projectRoot, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  try {
    execFileSync(process.execPath, [join(projectRoot, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  } catch (error) {
    const lines = String((error as { stdout?: Buffer }).stdout ?? error).split('\n');
    process.stderr.write(`the project compiles with errors (npm run check): ${lines[0]}\n`);
  }
}
