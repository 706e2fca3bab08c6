/** What `nta doctor` looks at: each prerequisite with its state and, when it is missing, the remedy. */

import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { listInterfaces } from '../../producers/live/interfaces.js';
import { checkKafka, type KafkaSettings } from '../../runtime/kafka/client.js';
import { checkPostgres, type PostgresSettings } from '../../runtime/postgres/client.js';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { checkJava, checkMaven } from '../local-stack/java.js';
import { kafkaClientFile } from '../local-stack/kafka-login.js';
import { isRunning } from '../local-stack/process-identity.js';
import { readServerRecord } from '../local-stack/server-record.js';

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** Whether `nta run` cannot do without it. */
  readonly required: boolean;
  readonly detail: string;
  /** One command or sentence; empty when nothing is to be done. */
  readonly remedy: string;
}

interface ExaminationSettings extends KafkaSettings, PostgresSettings {
  readonly dataDir: string;
  readonly apiPort: number;
}

const MINIMUM_FREE_BYTES = 2 * 1024 ** 3;
/** How long an API that runs may take to say how it is, milliseconds. */
const HEALTH_TIMEOUT_MS = 10_000;

export async function examine(settings: ExaminationSettings, log: Logger): Promise<Finding[]> {
  const ownKafka = settings.kafkaBrokers.length === 0;
  const ownPostgres = settings.dbHost === '';
  const findings: Finding[] = [
    { name: 'Node.js', ok: true, required: true, detail: process.versions.node, remedy: '' },
    {
      name: 'machine',
      ok: true,
      required: false,
      detail: `${process.platform} ${process.arch}, ${availableParallelism()} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
      remedy: '',
    },
  ];
  if (ownKafka || ownPostgres) findings.push(folderFinding(settings.dataDir));
  findings.push(...runningServers(settings.dataDir));
  if (ownKafka) {
    findings.push(await attempt('Java', true, () => checkJava()), await attempt('Maven', true, () => checkMaven()));
  } else {
    findings.push(
      await attempt('Kafka', true, async () => {
        await checkKafka(settings, log);
        return settings.kafkaBrokers.join(', ');
      }),
    );
  }
  if (!ownPostgres) {
    findings.push(
      await attempt('Postgres', true, async () => {
        await checkPostgres(settings);
        return `${settings.dbHost}:${settings.dbPort}/${settings.dbName}`;
      }),
    );
  }
  findings.push(await diskFinding(settings.dataDir), await portFinding(settings.apiPort), ...(await captureFindings()));
  return findings;
}

/** A check that returns its detail or throws a Failure whose message ends in the remedy. */
async function attempt(name: string, required: boolean, check: () => Promise<string>): Promise<Finding> {
  try {
    return { name, ok: true, required, detail: await check(), remedy: '' };
  } catch (error) {
    return { name, ok: false, required, detail: messageOf(error), remedy: '' };
  }
}

/** By making a folder in it, or where it would be made: modes, owners, ACLs and read-only file systems all have a say. */
function folderFinding(dataDir: string): Finding {
  const folder = nearestFolder(dataDir);
  const finding = { name: 'data directory', required: true } as const;
  try {
    rmdirSync(mkdtempSync(join(folder, '.nta-doctor-')));
    return { ...finding, ok: true, detail: `${resolve(dataDir)} can be written`, remedy: '' };
  } catch (error) {
    return {
      ...finding,
      ok: false,
      detail: `${resolve(dataDir)} cannot be written: ${messageOf(error)}`,
      remedy: 'give --data-dir a folder that this user can write to and others can enter, such as /var/tmp/nta',
    };
  }
}

/** The local servers of an `nta run` that uses the data directory now. */
function runningServers(dataDir: string): Finding[] {
  return (['kafka', 'postgres'] as const).flatMap((name) => {
    const { ports, processes } = readServerRecord(join(resolve(dataDir), `${name}.json`));
    if (!processes.some(isRunning)) return [];
    const detail =
      name === 'kafka'
        ? `runs at 127.0.0.1:${ports['broker']}; its tools log in with ${kafkaClientFile(dataDir)}`
        : `runs at 127.0.0.1:${ports['postgres']}`;
    return [
      { name: `local ${name === 'kafka' ? 'Kafka' : 'Postgres'}`, ok: true, required: false, detail, remedy: '' },
    ];
  });
}

function nearestFolder(dataDir: string): string {
  let folder = resolve(dataDir);
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

async function diskFinding(dataDir: string): Promise<Finding> {
  const folder = nearestFolder(dataDir);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  return {
    name: 'disk',
    ok: free >= MINIMUM_FREE_BYTES,
    required: true,
    detail: `${(free / 1024 ** 3).toFixed(1)} GiB free for ${resolve(dataDir)}`,
    remedy:
      free >= MINIMUM_FREE_BYTES
        ? ''
        : `free at least ${MINIMUM_FREE_BYTES / 1024 ** 3} GiB there, or name another folder with --data-dir`,
  };
}

async function portFinding(port: number): Promise<Finding> {
  const taken = await new Promise<string | null>((done) => {
    const server = createServer();
    server.once('error', (error) => done(messageOf(error)));
    server.listen(port, '127.0.0.1', () => server.close(() => done(null)));
  });
  const finding = { name: 'dashboard port', required: true } as const;
  if (taken === null) return { ...finding, ok: true, detail: `${port} is free`, remedy: '' };
  if (await servesDashboard(port))
    return { ...finding, ok: true, detail: `${port} is used by an nta that runs on this machine`, remedy: '' };
  return {
    ...finding,
    ok: false,
    detail: `${port} cannot be used: ${taken}`,
    remedy: 'end what listens there (ss -ltnp shows it), or choose another with --api-port',
  };
}

/** Whether our own API answers there, with TLS or without, as `GET /api/health` alone does it. */
async function servesDashboard(port: number): Promise<boolean> {
  for (const get of [http.get, https.get]) {
    const health = await readHealth(get, port);
    if (typeof health?.version === 'string' && health.checks?.storage !== undefined) return true;
  }
  return false;
}

interface Health {
  readonly version?: unknown;
  readonly checks?: { readonly storage?: unknown };
}

/** Null when there is no such answer. */
function readHealth(get: typeof https.get, port: number): Promise<Health | null> {
  return new Promise((done) => {
    // Whose certificate it is does not matter: nothing is told to it, and it is asked for its name alone.
    const options = { timeout: HEALTH_TIMEOUT_MS, rejectUnauthorized: false };
    const request = get(
      `${get === https.get ? 'https' : 'http'}://127.0.0.1:${port}/api/health`,
      options,
      (response) => {
        text(response).then(
          (body) => done(parsed(body)),
          () => done(null),
        );
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(null));
  });
}

function parsed(body: string): Health | null {
  try {
    return JSON.parse(body) as Health | null;
  } catch {
    return null;
  }
}

async function captureFindings(): Promise<Finding[]> {
  const interfaces = await listInterfaces();
  const best = interfaces.find((item) => item.defaultRoute) ?? interfaces[0];
  if (!best) {
    return [
      {
        name: 'live capture',
        ok: false,
        required: false,
        detail: 'there is no interface',
        remedy: 'replay files with --read',
      },
    ];
  }
  return [
    {
      name: 'live capture',
      ok: best.capture.allowed,
      required: false,
      detail: best.capture.allowed ? `allowed on ${best.name}` : `${best.name}: ${best.capture.reason}`,
      remedy: best.capture.allowed
        ? ''
        : 'without it `nta run` replays the demonstration capture; --read FILE works as well',
    },
  ];
}
