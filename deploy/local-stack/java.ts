/** The Java and the Maven that the local Kafka needs, found or asked for. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { childEnvironment } from '../../runtime/process/child.js';
import { Failure } from '../../runtime/process/failure.js';

/** Apache Kafka 4 brokers need Java 17. */
const LOWEST_JAVA = 17;

export interface Java {
  readonly command: string;
  /** The first line of `java -version`. */
  readonly version: string;
}

/**
 * JAVA_HOME's Java, else the PATH's.
 *
 * @throws Failure `JAVA_MISSING` or `JAVA_TOO_OLD` with the command that installs one.
 */
export function findJava(environment: NodeJS.ProcessEnv = process.env): Java {
  const home = environment.JAVA_HOME;
  const command = home ? join(home, 'bin/java') : 'java';
  const { error, status, stderr } = spawnSync(command, ['-version'], { encoding: 'utf8', env: environment });
  if (error !== undefined || status !== 0) {
    const where = home ? `no Java at JAVA_HOME (${home})` : 'no "java" on the PATH';
    const remedy = home
      ? `mend or unset JAVA_HOME, or install one: ${installCommand()}`
      : `install one: ${installCommand()}`;
    throw new Failure('JAVA_MISSING', `${where}, and the local Kafka needs Java ${LOWEST_JAVA} or newer; ${remedy}`, {
      cause: error ?? new Error(stderr),
    });
  }
  const line = stderr.split('\n').find((text) => / version "/.test(text)) ?? '';
  const major = Number(/version "(?:1\.)?(\d+)/.exec(line)?.[1] ?? Number.NaN);
  if (!(major >= LOWEST_JAVA)) {
    throw new Failure(
      'JAVA_TOO_OLD',
      `${command} is ${line || 'of unknown version'}, and the local Kafka needs Java ${LOWEST_JAVA} or newer; install one: ${installCommand()}`,
    );
  }
  return { command, version: line };
}

/**
 * What `nta doctor` says of Java.
 *
 * @throws Failure as findJava does.
 */
export async function checkJava(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { command, version } = findJava(environment);
  return `${version} (${command})`;
}

/**
 * What `nta doctor` says of Maven.
 *
 * @throws Failure `MAVEN_MISSING`
 */
export async function checkMaven(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const { status, stdout } = spawnSync('mvn', ['-B', '-Dstyle.color=never', '-version'], {
    encoding: 'utf8',
    env: environment,
  });
  if (status !== 0) throw mavenMissing();
  // It writes one even where it is told to write no colours.
  return stripVTControlCharacters(stdout.split('\n', 1)[0] ?? '');
}

/** For when `mvn` cannot be run. */
export function mavenMissing(): Failure {
  return new Failure(
    'MAVEN_MISSING',
    `no "mvn" on the PATH, and the local Kafka is fetched with Apache Maven; install it: ${installCommand()}`,
  );
}

/** What a JVM inherits: where it is and the options that its user gives every JVM. */
export function javaEnvironment(): NodeJS.ProcessEnv {
  return childEnvironment(/^(JAVA_HOME|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS)$/);
}

export function isOnPath(command: string, environment: NodeJS.ProcessEnv): boolean {
  const folders = (environment.PATH ?? '').split(':').filter((folder) => folder !== '');
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function installCommand(): string {
  if (process.platform === 'darwin') return 'brew install openjdk maven';
  const family = osFamily();
  const debian = 'sudo apt-get install default-jre-headless maven';
  const fedora = 'sudo dnf install java-latest-openjdk-headless maven';
  if (/debian|ubuntu/.test(family)) return debian;
  if (/fedora|rhel/.test(family)) return fedora;
  return `${debian} (Debian, Ubuntu) or ${fedora} (Fedora)`;
}

/** os-release(5): the distribution and those it descends from. */
function osFamily(): string {
  try {
    return [...readFileSync('/etc/os-release', 'utf8').matchAll(/^ID(?:_LIKE)?="?([^"\n]*)/gm)]
      .map((m) => m[1])
      .join(' ');
  } catch {
    return '';
  }
}
