/**
 * What Kafka's own tools do for the local broker: format its storage with the user in it, or give a broker whose storage
 * does not have the user one. Passwords reach them in files that only we can read, never on a command line, which every
 * account can see.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../runtime/process/failure.js';
import { type GuardedRun, runGuarded } from './guarded-process.js';
import { javaEnvironment } from './java.js';
import type { KafkaDistribution } from './kafka-distribution.js';
import { fingerprintOf, KAFKA_MECHANISM, type KafkaLogin, plainJaas } from './kafka-login.js';
import { reasonIn } from './log-tail.js';
import { writePrivateFile } from './secret-file.js';

export interface KafkaStorage {
  readonly distribution: KafkaDistribution;
  /** Working directory of the broker, closed to others. */
  readonly home: string;
  readonly logs: string;
}

/** The topics' data, below the home. */
export const DATA = 'data';
export const CONFIGURATION = 'server.properties';
/** Fingerprint of the login that the storage knows. */
const KNOWN_LOGIN = 'login';
/** A tool that runs for a second need not be compiled well. */
const TOOL_OPTIONS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

/**
 * Formats a folder aside and moves it into place, so that a start cut short leaves no half-formatted one.
 *
 * @throws Failure `KAFKA_FORMAT`
 */
export async function formatStorage(
  storage: KafkaStorage,
  login: KafkaLogin,
  render: (logDirectory: string) => string,
): Promise<void> {
  const { home } = storage;
  const draft = `${DATA}.new`;
  rmSync(join(home, draft), { recursive: true, force: true });
  writePrivateFile(join(home, `${CONFIGURATION}.new`), render(draft));
  const { exit, output } = await runTool(storage, 'kafka-format', [
    ...['kafka.tools.StorageTool', 'format', '--cluster-id', randomClusterId(), '--config', `${CONFIGURATION}.new`],
    ...['--add-scram', `${KAFKA_MECHANISM}=[name=${login.user},password=${login.password}]`],
  ]);
  if (exit.code !== 0) {
    throw new Failure(
      'KAFKA_FORMAT',
      `cannot format the local Kafka's storage in ${home}: ${reasonIn(output.replaceAll(login.password, '…')) ?? 'no reason given'}; check that the folder can be written to, or give another --data-dir`,
    );
  }
  rmSync(join(home, `${CONFIGURATION}.new`));
  renameSync(join(home, draft), join(home, DATA));
  rememberLogin(storage, login);
}

/** Whether the storage has the user with this password; older versions made it without any. */
export function knowsLogin({ home }: KafkaStorage, login: KafkaLogin): boolean {
  const file = join(home, KNOWN_LOGIN);
  return existsSync(file) && readFileSync(file, 'utf8') === fingerprintOf(login);
}

/**
 * Gives a running broker the user.
 *
 * @param founder who may do so: a user for this start of the broker alone.
 * @throws Failure `KAFKA_LOGIN`
 */
export async function addLogin(
  storage: KafkaStorage,
  brokerPort: number,
  founder: KafkaLogin,
  login: KafkaLogin,
): Promise<void> {
  const { home } = storage;
  const files = { client: join(home, 'founder.properties'), user: join(home, 'user.properties') };
  writePrivateFile(
    files.client,
    `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=${plainJaas(founder, true)}\n`,
  );
  writePrivateFile(files.user, `${KAFKA_MECHANISM}=password=${login.password}\n`);
  try {
    const { exit, output } = await runTool(storage, 'kafka-login', [
      ...['kafka.admin.ConfigCommand', '--bootstrap-server', `127.0.0.1:${brokerPort}`],
      ...['--command-config', files.client, '--alter', '--entity-type', 'users', '--entity-name', login.user],
      ...['--add-config-file', files.user],
    ]);
    if (exit.code !== 0) {
      throw new Failure(
        'KAFKA_LOGIN',
        `cannot give the local Kafka's storage in ${home}, which does not know it, its login: ${reasonIn(output.replaceAll(login.password, '…')) ?? 'no reason given'}; start again, or give another --data-dir`,
      );
    }
  } finally {
    for (const file of Object.values(files)) rmSync(file, { force: true });
  }
  rememberLogin(storage, login);
}

function rememberLogin({ home }: KafkaStorage, login: KafkaLogin): void {
  writePrivateFile(join(home, KNOWN_LOGIN), fingerprintOf(login));
}

/** The whole command line in a file (java(1), "@argfiles"), which the launcher of a JVM reads. */
async function runTool(
  { distribution, home, logs }: KafkaStorage,
  name: string,
  args: readonly string[],
): Promise<GuardedRun> {
  const file = join(home, `${name}.args`);
  const line = [...TOOL_OPTIONS, '-cp', distribution.classPath, ...args].map(quoteArgument).join('\n');
  rmSync(file, { force: true });
  writeFileSync(file, `${line}\n`, { mode: 0o600, flag: 'wx' });
  try {
    return await runGuarded({
      command: distribution.java.command,
      args: [`@${name}.args`],
      workingDirectory: home,
      environment: javaEnvironment(),
      outputFile: join(logs, `${name}.log`),
    });
  } finally {
    rmSync(file, { force: true });
  }
}

function quoteArgument(argument: string): string {
  return `"${argument.replace(/["\\]/g, '\\$&')}"`;
}

/** 16 bytes in base64url that do not begin with a hyphen, which the tool would take for a flag. */
function randomClusterId(): string {
  const bytes = randomBytes(16);
  bytes[0] = bytes.readUInt8(0) & 0x7f;
  return bytes.toString('base64url');
}
