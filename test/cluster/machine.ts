/** The cluster as the tests see it: its scripts, kubectl, Postgres, and the manifests built for it. */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { projectRoot } from '../../runtime/process/project.js';

const execute = promisify(execFile);
const HERE = join(projectRoot, 'test', 'cluster');
export const STATE = process.env['NTA_CLUSTER_STATE'] ?? '/tmp/nta-cluster';
export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nta');
export const NODE_IP = '10.90.0.1';

/** Runs one of the scripts beside this file; its output is what fails with it. */
export async function script(name: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(join(HERE, name), [...args], { maxBuffer: 64 * 1024 ** 2 });
  return stdout.trim();
}
export const kubectl = (...args: readonly string[]): Promise<string> => script('cluster.sh', 'kubectl', ...args);

/** kubectl with what it reads on standard input. */
export function apply(text: string, ...args: readonly string[]): string {
  return execFileSync(join(HERE, 'cluster.sh'), ['kubectl', 'apply', ...args, '-f', '-'], {
    input: text,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
  });
}

/** A program in the network of the cluster's node. */
export const inNetwork = (...command: readonly string[]): Promise<string> => script('cluster.sh', 'in', ...command);

/** What kafka-admin.ts does. */
export const kafkaAdmin = (...args: readonly string[]): Promise<string> =>
  inNetwork(process.execPath, join(projectRoot, 'dist', 'test', 'cluster', 'kafka-admin.js'), ...args);

/** A program of Postgres as its administrator, beside the server. */
export async function asAdministrator(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(join(HERE, 'cluster.sh'), ['in', program, ...args], {
    env: { ...process.env, PGPASSWORD: 'administrator' },
  });
  return stdout.trim();
}

/** A value of the database, as text. */
export const query = (sql: string, database = 'nta'): Promise<string> =>
  asAdministrator('psql', '-h', NODE_IP, '-U', 'postgres', '-d', database, '-Atc', sql);

/** Asks until the answer satisfies. @throws Error with the last answer when the time is up. */
export async function until<T>(ask: () => Promise<T>, satisfies: (answer: T) => boolean, seconds: number): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask().catch((error: unknown) => error);
    if (!(answer instanceof Error) && satisfies(answer as T)) return answer as T;
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s; last: ${String(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const FOLDER = join(STATE, 'kubernetes');

/** A copy of deploy/kubernetes with Secrets of its own and the overlay of this folder in it. */
export function prepareManifests(): void {
  rmSync(FOLDER, { recursive: true, force: true });
  cpSync(join(projectRoot, 'deploy', 'kubernetes'), FOLDER, {
    recursive: true,
    filter: (path) => !path.endsWith('/secrets'),
  });
  execFileSync(join(FOLDER, 'make-secrets.sh'), { stdio: 'ignore' });
  mkdirSync(join(FOLDER, 'overlays', 'cluster'));
}

export const ROLES_SQL = join(FOLDER, 'overlays', 'single-node', 'secrets', 'roles.sql');

/** A value of one of the Secrets' files. */
export function secret(part: string, key: string): string {
  const text = readFileSync(join(FOLDER, 'overlays', 'single-node', 'secrets', `${part}.env`), 'utf8');
  return new RegExp(`^${key}=(.*)$`, 'm').exec(text)![1]!;
}

/** An overlay as kubectl would apply it, with an image of this tag and, beside its own, components. */
export function build(overlay: 'cluster' | 'production', tag: string, ...components: readonly string[]): string {
  if (overlay === 'cluster') {
    const list = ['kafka-tls', ...components].map((name) => `../../components/${name}`).join(', ');
    const text = readFileSync(join(HERE, 'overlay', 'kustomization.yaml'), 'utf8');
    writeFileSync(
      join(FOLDER, 'overlays', 'cluster', 'kustomization.yaml'),
      `${text}components: [${list}]\nimages: [{ name: nta, newTag: ${tag} }]\n`,
    );
  }
  return execFileSync(join(CACHE, 'bin', 'kustomize'), ['build', join(FOLDER, 'overlays', overlay)], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
  });
}

/** The sum of the capture pod's metrics that the pattern finds, labels included where it has some. */
export async function captureMetric(pattern: string): Promise<number> {
  const token = `Authorization: Bearer ${secret('capture', 'metrics-token')}`;
  const text = await inNetwork('curl', '-sf', '-H', token, `http://${NODE_IP}:9090/metrics`);
  const values = [
    ...text.matchAll(new RegExp(`^${pattern.includes('{') ? pattern : `${pattern}(?:{.*})?`} (\\S+)$`, 'gm')),
  ];
  if (values.length === 0) throw new Error(`no metric ${pattern}`);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly kind: string }[];
  };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

interface FleetPod {
  readonly name: string;
  readonly image: string;
  readonly ready: boolean;
  /** How often its containers were started again. */
  readonly restarts: number;
}

/** The pods that are there for good: not those of jobs, of which one comes every ten minutes. */
export async function pods(): Promise<FleetPod[]> {
  const text = await kubectl('get', 'pods', '-A', '-l', 'app.kubernetes.io/name=nta', '-o', 'yaml');
  const { items } = parse(text) as { items: Pod[] };
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ metadata }) => !metadata.ownerReferences?.some(({ kind }) => kind === 'Job'))
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      image: spec.containers[0]!.image,
      ready: status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
      restarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    }));
}
