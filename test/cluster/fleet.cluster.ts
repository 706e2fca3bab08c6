/**
 * The fleet on a real Kubernetes, from `kubectl apply` to an upgrade: what a user does, and what happens to it. Each test goes
 * on where the one before it stopped.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pcapFile } from '../support/capture-file.js';
import { ethernet } from '../support/frames.js';
import { ipv4 } from '../support/ip-packets.js';
import { tcp } from '../support/transport-segments.js';
import {
  apply,
  asAdministrator,
  build,
  CACHE,
  kubectl,
  NODE_IP,
  pods,
  prepareManifests,
  query,
  ROLES_SQL,
  STATE,
  script,
  secret,
  until,
} from './machine.js';

const EXPECTED_PODS = 8;
const WORKLOADS = ['maintenance', 'processors', 'sink', 'api'].map((part) => `deployment/nta-${part}`);

const allReady = (seconds: number) =>
  until(pods, (all) => all.length === EXPECTED_PODS && all.every(({ ready }) => ready), seconds);

async function rolledOut(): Promise<void> {
  for (const workload of WORKLOADS) await kubectl('-n', 'nta', 'rollout', 'status', workload, '--timeout=180s');
  await kubectl('-n', 'nta-capture', 'rollout', 'status', 'daemonset/nta-capture', '--timeout=180s');
}

/** A connection from within a pod: "open", "refused", "timeout"… */
function connect(namespace: string, pod: string, host: string, port: number): Promise<string> {
  const code = `const s=require('net').connect(${port},'${host}');s.setTimeout(3000,()=>{console.log('timeout');process.exit()});s.on('connect',()=>{console.log('open');process.exit()});s.on('error',e=>{console.log(e.code);process.exit()})`;
  return kubectl('-n', namespace, 'exec', pod, '--', 'node', '-e', code);
}

/** A pod of the image that idles, outside of the fleet. */
async function startPod(name: string, namespace: string): Promise<void> {
  apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: {
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'idle',
            image: 'nta:0.1.0',
            command: ['node', '-e', 'setInterval(() => {}, 1e9)'],
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    }),
  );
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
}

/** Begins connections from the scanner to so many ports of the node. */
async function scan(first: number, count: number): Promise<void> {
  const code = `const n=require('net');for(let p=${first};p<${first + count};p++)n.connect(p,'${NODE_IP}').on('error',()=>{})`;
  await kubectl('-n', 'default', 'exec', 'scanner', '--', 'node', '-e', code);
}

const REPLAYED = 6_000;

/** Replays a capture of REPLAYED packets over 40 s as the capture node `name`, with one scan in it by `source`. */
async function startReplay(name: string, source: string): Promise<void> {
  const start = Math.floor(Date.now() / 1000) * 1_000_000;
  const frames = Array.from({ length: REPLAYED }, (_, index) => {
    const isScan = index % 200 === 0;
    const segment = tcp({ sourcePort: 40_000 + (index % 20_000), destinationPort: isScan ? 1 + index / 200 : 443 });
    const from = isScan ? source : `198.18.${index % 200}.${(index >> 8) % 200}`;
    const bytes = ethernet({ pad: true }, ipv4({ source: from, destination: '198.51.100.1' }, segment));
    return { time: start + Math.floor((index * 40_000_000) / REPLAYED), bytes };
  });
  const labels = { replay: name };
  apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name, namespace: 'default' },
          binaryData: { pcap: pcapFile(frames).toString('base64') },
        },
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, namespace: 'default', labels },
          spec: {
            restartPolicy: 'Never',
            enableServiceLinks: false,
            containers: [
              {
                name: 'replay',
                image: 'nta:0.1.0',
                args: [
                  'capture',
                  '--read=/capture/pcap',
                  '--pace',
                  `--node-id=${name}`,
                  '--kafka-brokers=kafka.kafka.svc:9092',
                ],
                volumeMounts: [{ name: 'capture', mountPath: '/capture' }],
              },
            ],
            volumes: [{ name: 'capture', configMap: { name } }],
          },
        },
      ],
    }),
    // The capture does not fit the annotation that the other way of applying keeps.
    '--server-side',
  );
  await until(
    () => storedOf(name, source),
    ({ rows }) => rows > 0,
    120,
  );
}

/** What became of a replay: rows of its packets, and alerts of its scan. */
async function storedOf(name: string, source: string): Promise<{ rows: number; alerts: number }> {
  const rows = await query(
    `SELECT count(*) FROM packets JOIN origins ON origins.id = origin_id WHERE capture_node = '${name}'`,
  );
  const alerts = await query(`SELECT count(*) FROM alerts WHERE source = '${source}' AND rule_id = 'port-scan'`);
  return { rows: Number(rows), alerts: Number(alerts) };
}

async function replayIsWhole(name: string, source: string): Promise<void> {
  await until(
    () => kubectl('-n', 'default', 'get', 'pod', name, '-o', 'jsonpath={.status.phase}'),
    (phase) => phase === 'Succeeded',
    240,
  );
  await until(
    () => storedOf(name, source),
    ({ rows, alerts }) => rows === REPLAYED && alerts === 1,
    120,
  );
}

/** A cluster that is kept is gone on with: for work on these tests, one at a time (`-t`). */
const KEEP = process.env['NTA_CLUSTER_KEEP'] !== undefined;

beforeAll(async () => {
  if (KEEP && existsSync(ROLES_SQL)) return;
  await script('programs.sh');
  await script('cluster.sh', 'down');
  await script('images.sh', '0.1.0');
  await script('cluster.sh', 'up');
  prepareManifests();
});
afterAll(async () => {
  if (!KEEP) await script('cluster.sh', 'down');
});

describe('a fleet from kubectl apply', () => {
  it('waits for Kafka, Postgres and setup without one restart, then is ready', async () => {
    apply(build('cluster', '0.1.0'));
    await until(pods, (all) => all.length === EXPECTED_PODS, 60);
    await until(
      () => kubectl('-n', 'nta', 'logs', 'deployment/nta-api'),
      (log) => log.includes('waiting: '),
      60,
    );
    await script('servers.sh', 'up', ROLES_SQL);
    await allReady(180);
    expect((await pods()).filter(({ restarts }) => restarts > 0)).toEqual([]);
  });

  it('has no Service as a setting, and made the roles of least privilege its users have', async () => {
    const environment = await kubectl(
      '-n',
      'nta',
      'exec',
      'deployment/nta-api',
      '--',
      'node',
      '-p',
      'JSON.stringify(process.env)',
    );
    expect(JSON.parse(environment)).not.toHaveProperty('NTA_API_PORT');
    const may = (user: string) => `has_table_privilege('${user}', 'alerts', 'INSERT')`;
    const rights = `SELECT ${may('nta_sink')}, ${may('nta_api')}, tableowner FROM pg_tables WHERE tablename = 'alerts'`;
    expect(await query(rights)).toBe('t|f|nta');
  });

  it('shows the alert of a scan from a pod through the API’s Service', async () => {
    await startPod('scanner', 'default');
    const scanner = await kubectl('-n', 'default', 'get', 'pod', 'scanner', '-o', 'jsonpath={.status.podIP}');
    await scan(20_000, 40);
    const service = await kubectl('-n', 'nta', 'get', 'service', 'nta-api', '-o', 'jsonpath={.spec.clusterIP}');
    const alerts = () =>
      script(
        'cluster.sh',
        'in',
        'curl',
        '-sf',
        '-H',
        `Authorization: Bearer ${secret('api', 'api-token')}`,
        `http://${service}/api/alerts?source=${scanner}`,
      );
    await until(alerts, (text) => text.includes('port-scan'), 60);
  });

  it('gives capture nothing but its Kafka and its metrics', async () => {
    const names = await kubectl('-n', 'nta-capture', 'get', 'secrets', '-o', 'jsonpath={.items[*].metadata.name}');
    expect(names).toMatch(/^nta-capture-\w+$/);
    const keys = await kubectl('-n', 'nta-capture', 'get', 'secret', names, '-o', 'jsonpath={.data}');
    expect(Object.keys(JSON.parse(keys) as object)).toEqual(['metrics-token']);
  });
});

describe('what keeps others out', () => {
  it('Pod Security admits no privileged pod beside the fleet', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'intruder', namespace: 'nta' },
      spec: { containers: [{ name: 'intruder', image: 'nta:0.1.0' }] },
    };
    expect(() => apply(JSON.stringify(pod), '--dry-run=server')).toThrow(/violates PodSecurity "restricted/);
  });

  it('NetworkPolicies let each part reach what it needs and no more', async () => {
    const pod = (part: string) =>
      kubectl('-n', 'nta', 'get', 'pods', '-l', `app=nta-${part}`, '-o', 'jsonpath={.items[0].metadata.name}');
    const ip = (part: string) =>
      kubectl('-n', 'nta', 'get', 'pods', '-l', `app=nta-${part}`, '-o', 'jsonpath={.items[0].status.podIP}');
    await startPod('intruder', 'nta');
    const attempts: readonly [from: string, namespace: string, to: string, port: number, open: boolean][] = [
      [await pod('sink'), 'nta', 'postgres.postgres.svc', 5432, true],
      [await pod('processors'), 'nta', 'kafka.kafka.svc', 9092, true],
      [await pod('processors'), 'nta', 'postgres.postgres.svc', 5432, false],
      [await pod('api'), 'nta', 'kafka.kafka.svc', 9092, false],
      ['intruder', 'nta', 'postgres.postgres.svc', 5432, false],
      ['intruder', 'nta', 'kafka.kafka.svc', 9092, false],
      ['scanner', 'default', await ip('api'), 5000, true],
      ['scanner', 'default', await ip('api'), 9090, false],
      ['scanner', 'default', await ip('sink'), 9090, false],
    ];
    const found = await Promise.all(attempts.map(([from, namespace, to, port]) => connect(namespace, from, to, port)));
    expect(found.map((result, index) => [...attempts[index]!.slice(0, 4), result === 'open'])).toEqual(
      attempts.map((attempt) => [...attempt]),
    );
    await kubectl('-n', 'nta', 'delete', 'pod', 'intruder', '--wait=false');
  });
});

describe('a fleet at work', () => {
  it('is rolled to the next version under traffic, and nothing is lost or doubled', async () => {
    await startReplay('replay-upgrade', '192.0.2.11');
    await script('images.sh', '0.1.1');
    await script('cluster.sh', 'load');
    apply(build('cluster', '0.1.1'));
    await rolledOut();
    await allReady(60);
    const images = await kubectl(
      'get',
      'pods',
      '-A',
      '-l',
      'app.kubernetes.io/name=nta',
      '-o',
      'jsonpath={.items[*].spec.containers[0].image}',
    );
    expect(new Set(images.split(' '))).toEqual(new Set(['nta:0.1.1']));
    await replayIsWhole('replay-upgrade', '192.0.2.11');
  });

  it('sees a broker and Postgres restart under traffic: not ready meanwhile, no process ends, nothing lost or doubled', async () => {
    await startReplay('replay-restart', '192.0.2.13');
    await script('servers.sh', 'stop', 'kafka', 'KILL');
    await until(
      pods,
      (all) => all.filter(({ name, ready }) => /sink|processors/.test(name) && !ready).length === 4,
      90,
    );
    await script('servers.sh', 'start', 'kafka');
    await allReady(120);
    await script('servers.sh', 'stop', 'postgres', 'INT');
    await script('servers.sh', 'start', 'postgres');
    await allReady(120);
    await replayIsWhole('replay-restart', '192.0.2.13');
    expect((await pods()).filter(({ restarts }) => restarts > 0)).toEqual([]);
  });

  it('keeps the spool of a capture pod that is evicted while Kafka is away', async () => {
    const scanner = await kubectl('-n', 'default', 'get', 'pod', 'scanner', '-o', 'jsonpath={.status.podIP}');
    const stored = () =>
      query(`SELECT count(*) FROM packets WHERE source = '${scanner}' AND destination_port BETWEEN 30000 AND 30009`);
    await script('servers.sh', 'stop', 'kafka', 'KILL');
    await scan(30_000, 10);
    const log = () => kubectl('-n', 'nta-capture', 'logs', 'daemonset/nta-capture');
    await until(log, (text) => /spool/.test(text), 60);
    await kubectl('-n', 'nta-capture', 'delete', 'pod', '-l', 'app=nta-capture', '--timeout=90s');
    await until(log, (text) => /"msg":"capturing"/.test(text), 90);
    await script('servers.sh', 'start', 'kafka');
    await until(stored, (count) => Number(count) >= 10, 120);
    await allReady(60);
  });

  it('is backed up while it runs, and restored into an empty database', async () => {
    const psql = ['-h', NODE_IP, '-U', 'postgres'];
    await asAdministrator('pg_dump', ...psql, '--format=custom', `--file=${STATE}/nta.dump`, 'nta');
    await asAdministrator('createdb', ...psql, '--owner=nta', 'restored');
    await asAdministrator('pg_restore', ...psql, '--exit-on-error', '--dbname=restored', `${STATE}/nta.dump`);
    const count = `SELECT count(*) FROM packets JOIN origins ON origins.id = origin_id WHERE capture_node = 'replay-upgrade'`;
    expect(Number(await query(count, 'restored'))).toBe(REPLAYED);
    expect(Number(await query('SELECT count(*) FROM sink_offsets', 'restored'))).toBeGreaterThan(0);
  });

  it('is drained no further than its disruption budgets allow', async () => {
    const drained = kubectl(
      'drain',
      'node1',
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--pod-selector=app.kubernetes.io/name=nta',
      '--timeout=20s',
    );
    await expect(drained).rejects.toThrow(/disruption budget|timed out|global timeout/);
    const left = (await pods()).filter(({ ready }) => ready).map(({ name }) => name);
    for (const part of ['processors', 'sink', 'api'])
      expect(left.filter((name) => name.startsWith(`nta-${part}`))).toHaveLength(1);
    await kubectl('uncordon', 'node1');
    await allReady(120);
  });
});

// Last, because the API server is busy for a while with so many definitions.
describe('overlays/production', () => {
  it('is what the API server and the operators’ definitions take', async () => {
    for (const folder of ['strimzi', 'keda', 'prometheus-operator', 'gateway-api', 'cert-manager'])
      await kubectl('apply', '--server-side', '-f', `${CACHE}/crds/${folder}`).catch((error: Error) => {
        // Folders hold a README and kustomizations too.
        if (!/error validating|no matches for kind|resource mapping not found/.test(error.message)) throw error;
      });
    // CloudNativePG publishes its definitions in no registry that can be reached here.
    const objects = build('production', '0.1.0')
      .split('\n---\n')
      .filter((text) => !text.includes('postgresql.cnpg.io'));
    expect(objects.length).toBeGreaterThan(40);
    expect(apply(objects.join('\n---\n'), '--dry-run=server')).toContain('kafkauser.kafka.strimzi.io');
  });
});
