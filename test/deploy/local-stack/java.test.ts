import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkJava, checkMaven, findJava } from '../../../deploy/local-stack/java.js';
import { provideKafkaDistribution } from '../../../deploy/local-stack/kafka-distribution.js';
import { Failure } from '../../../runtime/process/failure.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-java-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A PATH with nothing but a "java" that says this of itself. */
function pathWithJava(versionOutput: string): NodeJS.ProcessEnv {
  const java = join(folder, 'java');
  writeFileSync(java, `#!/bin/sh\nprintf '%s\\n' '${versionOutput}' >&2\n`);
  chmodSync(java, 0o755);
  return { PATH: folder };
}

function failureOf(action: () => unknown): Failure {
  try {
    action();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('Java', () => {
  test.each([
    'openjdk version "17.0.15" 2025-04-15',
    'java version "21" 2023-09-19 LTS',
    'openjdk version "25-ea" 2025-09-16',
  ])('takes %s', (line) => {
    expect(findJava(pathWithJava(line))).toEqual({ command: 'java', version: line });
  });

  test.each(['openjdk version "1.8.0_412"', 'openjdk version "11.0.23" 2024-04-16'])('refuses %s', (line) => {
    const failure = failureOf(() => findJava(pathWithJava(line)));
    expect(failure.code).toBe('JAVA_TOO_OLD');
    expect(failure.message).toContain(line);
    expect(failure.message).toMatch(/needs Java 17 or newer; install one: .*(apt-get|dnf|brew) install/);
  });

  test('finds the version behind the lines that JAVA_TOOL_OPTIONS adds', () => {
    const found = findJava(pathWithJava('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "17.0.1" 2021-10-19'));
    expect(found.version).toBe('openjdk version "17.0.1" 2021-10-19');
  });

  test('says what is missing, why it is needed and how to install it', async () => {
    const failure = failureOf(() => findJava({ PATH: folder }));
    expect(failure.code).toBe('JAVA_MISSING');
    expect(failure.message).toMatch(
      /^no "java" on the PATH, and the local Kafka needs Java 17 or newer; install one: .*(apt-get|dnf|brew) install/,
    );
    await expect(checkJava({ PATH: folder })).rejects.toThrow(failure.message);
  });

  test('names JAVA_HOME when that is what is wrong', () => {
    const failure = failureOf(() => findJava({ ...process.env, JAVA_HOME: folder }));
    expect(failure.code).toBe('JAVA_MISSING');
    expect(failure.message).toContain(`JAVA_HOME (${folder})`);
  });
});

describe('Maven', () => {
  test('is asked for when Kafka has to be fetched without it', async () => {
    const environment = { ...pathWithJava('openjdk version "17.0.15"'), NTA_CACHE_DIR: join(folder, 'cache') };
    const expected = {
      code: 'MAVEN_MISSING',
      message: expect.stringMatching(/^no "mvn" on the PATH, .* install it: .*(apt-get|dnf|brew) install .*maven/),
    };
    await expect(provideKafkaDistribution({ dataDir: folder, environment })).rejects.toMatchObject(expected);
    await expect(checkMaven(environment)).rejects.toMatchObject(expected);
  });

  test('a failed fetch says why and leaves nothing behind', async () => {
    const environment = { ...pathWithJava('openjdk version "17.0.15"'), NTA_CACHE_DIR: join(folder, 'cache') };
    const mvn = join(folder, 'mvn');
    writeFileSync(mvn, '#!/bin/sh\necho "[ERROR] Could not transfer artifact: Connection refused"\nexit 1\n');
    chmodSync(mvn, 0o755);
    const { readdirSync } = await import('node:fs');
    await expect(provideKafkaDistribution({ dataDir: folder, environment })).rejects.toMatchObject({
      code: 'KAFKA_DOWNLOAD',
      retriable: true,
      message: expect.stringContaining('Could not transfer artifact: Connection refused; check the network'),
    });
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
  });
});
