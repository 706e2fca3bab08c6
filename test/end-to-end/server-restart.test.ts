/**
 * `nta run` when its own Kafka and its own Postgres die: they are started again, the capture goes on, and nothing is missing.
 * `NTA_FAULTS=long` goes on with 20 rounds, or `NTA_FAULT_ROUNDS`, in which a seed (`NTA_FAULT_SEED` and on) kills servers and
 * parts of the run, several at once too.
 */
import { createSocket, type Socket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeLocalStackData } from '../../deploy/local-stack/local-stack.js';
import { localPostgresConnection } from '../../deploy/local-stack/postgres-server.js';
import { listInterfaces } from '../../producers/live/interfaces.js';
import { descendantsOf } from '../support/left-processes.js';
import { createDataDirectory } from '../support/local-stack.js';
import { type RunningCommand, startNta } from '../support/nta-command.js';
import { Random } from '../support/random.js';
import { requireCondition } from '../support/requirement.js';

const dataDir = createDataDirectory();
const FIRST_PORT = 40_000;
/** Of whoever starts it; the servers, one of which runs as another user, must not inherit it. */
const SECRET = 'a-token-of-whoever-starts-it';

let run: RunningCommand | undefined;
let socket: Socket;
let sent = 0;

beforeAll(() => {
  socket = createSocket('udp4');
});

afterAll(async () => {
  socket.close();
  await run?.interrupt();
  removeLocalStackData(dataDir);
});

const isLong = process.env['NTA_FAULTS'] === 'long';
const ROUNDS = isLong ? Number(process.env['NTA_FAULT_ROUNDS'] ?? 20) : 0;
const FIRST_SEED = Number(process.env['NTA_FAULT_SEED'] ?? 1);

/** Each packet to a port of its own, by which it is known again. */
async function send(count: number): Promise<void> {
  for (let packet = 0; packet < count; packet++)
    await new Promise<void>((resolve, reject) =>
      socket.send('x', FIRST_PORT + sent++, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
    );
}

async function storedPackets(): Promise<number> {
  const client = new pg.Client({ ...localPostgresConnection(dataDir) });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ packets: string; ports: string }>(
      'SELECT count(*) AS packets, count(DISTINCT destination_port) AS ports FROM packets WHERE destination_port BETWEEN $1 AND $2',
      [FIRST_PORT, FIRST_PORT + sent - 1],
    );
    // One that is there twice tells.
    const { packets, ports } = rows[0]!;
    return Number(Number(ports) === sent ? packets : ports);
  } catch {
    return -1; // it is away
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The second of its processes; the first is the guardian. */
function serverPid(name: 'kafka' | 'postgres'): number {
  const { processes } = JSON.parse(readFileSync(join(dataDir, `${name}.json`), 'utf8')) as {
    processes: { pid: number }[];
  };
  return processes[1]!.pid;
}

async function killed(name: 'kafka' | 'postgres', title: string): Promise<void> {
  const pid = serverPid(name);
  process.kill(pid, 'SIGKILL');
  await run!.printed(new RegExp(`the local ${title} was killed by SIGKILL, .*starting it again`));
  await send(50);
  await run!.printed(new RegExp(`the local ${title} runs again`), 90_000);
  await send(50);
  await expect.poll(storedPackets, { timeout: 90_000, interval: 500 }).toBe(sent);
  expect(serverPid(name)).not.toBe(pid);
}

/** Kills what the seed says, and sends before, meanwhile and after. */
async function round(seed: number): Promise<void> {
  const random = new Random(seed);
  const story = [`NTA_FAULTS=long NTA_FAULT_SEED=${seed} NTA_FAULT_ROUNDS=1`];
  for (let death = random.between(1, 3); death > 0; death--) {
    const victim = random.pick(['kafka', 'postgres', ' process ', ' sink ', ' capture '] as const);
    story.push(victim.trim());
    if (victim === 'kafka' || victim === 'postgres') process.kill(serverPid(victim), 'SIGKILL');
    // What a capture node has in its hands dies with it, and nobody sees packets until the next one captures.
    else if (victim === ' capture ') await killCapture(story);
    else killPart(victim);
    await send(random.between(0, 20));
    await sleep(random.below(3_000));
  }
  await send(20);
  await expect
    .poll(storedPackets, { timeout: 120_000, interval: 500, message: `after the deaths of ${story.join(', ')}` })
    .toBe(sent);
}

async function killCapture(story: readonly string[]): Promise<void> {
  await expect.poll(storedPackets, { timeout: 120_000, interval: 500, message: story.join(', ') }).toBe(sent);
  const before = captures();
  killPart(' capture ');
  await expect.poll(captures, { timeout: 90_000, message: story.join(', ') }).toBeGreaterThan(before);
}

/** How often a capture node has said that it captures. */
function captures(): number {
  return run!.output().stderr.match(/capturing/g)?.length ?? 0;
}

/** A part that is being started again is dead already. */
function killPart(name: string): void {
  const part = descendantsOf(run!.child.pid!).find(({ command }) => `${command} `.includes(`main.js${name}`));
  if (part !== undefined) process.kill(part.pid, 'SIGKILL');
}

it('loses no packet over the death of both', { timeout: 300_000 + ROUNDS * 180_000 }, async (context) => {
  const loopback = (await listInterfaces()).find(({ name }) => name === 'lo');
  requireCondition(context, loopback?.capture.allowed === true, 'this user may not capture on lo');
  const ports = `${FIRST_PORT}-${FIRST_PORT + 19_999}`;
  const args = ['run', '--interface=lo', `--packet-filter=udp and dst portrange ${ports}`, `--data-dir=${dataDir}`];
  run = startNta([...args, '--api-port=0'], {
    env: { AWS_SECRET_ACCESS_KEY: SECRET },
  });
  await run.printed(/^running; /m, 120_000);
  await send(50);
  await expect.poll(storedPackets, { timeout: 60_000, interval: 500 }).toBe(sent);
  for (const name of ['kafka', 'postgres'] as const)
    expect(readFileSync(`/proc/${serverPid(name)}/environ`, 'utf8')).not.toContain(SECRET);

  // Beside everything else of the run, so that two runs with data directories of their own do not meet.
  expect(existsSync(join(dataDir, 'spool'))).toBe(true);

  await killed('kafka', 'Kafka');
  await killed('postgres', 'Postgres');

  for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) await round(seed);

  const { code, stderr } = await run.interrupt();
  run = undefined;
  expect(code).toBe(0);
  // The reason is what happened, not whatever the server had said last.
  for (const line of stderr.split('\n').filter((text) => text.includes('although nobody stopped it')))
    expect(line).not.toMatch(/WARN|INFO|LOG:/);
});
