/** What `nta doctor` looks at: each prerequisite with its state and, when it is missing, the remedy. */

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { listInterfaces } from '../../producers/live/interfaces.js';
import { checkKafka, type KafkaSettings } from '../../runtime/kafka/client.js';
import { checkPostgres, type PostgresSettings } from '../../runtime/postgres/client.js';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { checkJava, checkMaven } from '../local-stack/java.js';

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

async function diskFinding(dataDir: string): Promise<Finding> {
  let folder = resolve(dataDir);
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  return {
    name: 'disk',
    ok: free >= MINIMUM_FREE_BYTES,
    required: true,
    detail: `${(free / 1024 ** 3).toFixed(1)} GiB free for ${resolve(dataDir)}`,
    remedy: `free at least ${MINIMUM_FREE_BYTES / 1024 ** 3} GiB there, or name another folder with --data-dir`,
  };
}

async function portFinding(port: number): Promise<Finding> {
  const taken = await new Promise<string | null>((done) => {
    const server = createServer();
    server.once('error', (error) => done(messageOf(error)));
    server.listen(port, '127.0.0.1', () => server.close(() => done(null)));
  });
  return {
    name: 'dashboard port',
    ok: taken === null,
    required: true,
    detail: taken === null ? `${port} is free` : `${port} cannot be used: ${taken}`,
    remedy: 'end what listens there (ss -ltnp shows it), or choose another with --api-port',
  };
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
