/**
 * The fleet on a real Kubernetes, from `kubectl apply` to an upgrade: what a user does, and what happens to it. Each test goes
 * on where the one before it stopped.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateOf, kafkaSecrets, makeCertificates } from './certificates.js';
import {
  allReady,
  captureSeconds,
  connect,
  EXPECTED_PODS,
  REPLAYED,
  replayIsWhole,
  rolledOut,
  scan,
  scannerAddress,
  sendMix,
  startPod,
  startReplay,
  stayingSource,
} from './fleet.js';
import {
  apply,
  asAdministrator,
  build,
  CACHE,
  captureMetric,
  kafkaAdmin,
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

/** Of the bridge that pods are at: whence kubelet's probes come. */
const BRIDGE_IP = '10.244.0.1';
const SCANNED = 40;
const PARTITIONS_LATER = 16;
const STAYING_SOURCE = stayingSource(12, PARTITIONS_LATER);
const MAIN = '/nta/dist/deploy/nta/main.js';
const MIX_PACKETS = 500_000;

/** A cluster that is kept is gone on with: for work on these tests, one at a time (`-t`). */
const KEEP = process.env['NTA_CLUSTER_KEEP'] !== undefined;

beforeAll(async () => {
  if (KEEP && existsSync(ROLES_SQL)) return;
  await script('programs.sh');
  await script('cluster.sh', 'down');
  await script('images.sh', '0.1.0');
  await script('cluster.sh', 'up');
  prepareManifests();
  makeCertificates();
});
afterAll(async () => {
  if (!KEEP) await script('cluster.sh', 'down');
});

describe('a fleet from kubectl apply', () => {
  it('waits for Kafka, Postgres and setup without one restart, then is ready', async () => {
    apply(build('cluster', '0.1.0'));
    apply(kafkaSecrets());
    await until(pods, (all) => all.length === EXPECTED_PODS, 60);
    await until(
      () => kubectl('-n', 'nta', 'logs', 'deployment/nta-api'),
      (log) => log.includes('waiting: '),
      60,
    );
    await script('servers.sh', 'up', ROLES_SQL);
    await kafkaAdmin('acls');
    await script('servers.sh', 'start', 'dns');
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
    const scanner = await scannerAddress();
    await scan(20_000, SCANNED);
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

  it('records once what passes a port of the bridge and the bridge, though the node captures on any', async () => {
    const scanned = `source = '${await scannerAddress()}' AND destination_port BETWEEN 20000 AND ${19_999 + SCANNED}`;
    expect(
      await query(`SELECT count(*), count(DISTINCT destination_port) FROM packets WHERE ${scanned} AND tcp_flags = 2`),
    ).toBe(`${SCANNED}|${SCANNED}`);
    // Kubelet's probes go the other way: out of the bridge, and out of its port.
    const probes = `FROM packets WHERE source = '${BRIDGE_IP}' AND tcp_flags = 2`;
    expect(Number(await query(`SELECT count(*) ${probes}`))).toBeGreaterThan(20);
    expect(
      await query(`SELECT count(*) FROM (SELECT ${probes.replace('FROM', 'destination, source_port, tcp_sequence FROM')}
        GROUP BY destination, source_port, tcp_sequence HAVING count(*) > 1) AS doubled`),
    ).toBe('0');
    expect(await captureMetric('nta_capture_packets_dropped_total{.*reason="duplicate".*}')).toBeGreaterThan(SCANNED);
  });

  it('says by nta doctor in a pod what the part reaches', async () => {
    const found = await kubectl('-n', 'nta', 'exec', 'deployment/nta-sink', '--', 'node', MAIN, 'doctor');
    expect(found).toMatch(/^ok {6}Kafka: kafka.kafka.svc:9093$/m);
    expect(found).toMatch(/^ok {6}Postgres: postgres.postgres.svc:5432\/nta$/m);
  });

  it('gives capture nothing but its Kafka and its metrics', async () => {
    const names = await kubectl('-n', 'nta-capture', 'get', 'secrets', '-o', 'jsonpath={.items[*].metadata.name}');
    expect(names).toMatch(/^nta-capture-\w+ nta-kafka-ca nta-kafka-capture$/);
    const [own] = names.split(' ');
    const keys = await kubectl('-n', 'nta-capture', 'get', 'secret', own!, '-o', 'jsonpath={.data}');
    expect(Object.keys(JSON.parse(keys) as object)).toEqual(['metrics-token']);
  });
});

describe('what keeps others out', () => {
  it('Kafka asks for a certificate, and holds each part to its list', async () => {
    const write = (topic: string, files: string) =>
      kubectl(
        ...['-n', 'nta', 'exec', 'deployment/nta-sink', '-c', 'nta', '--', 'node', '-e'],
        `const {Kafka}=require('kafkajs'),read=(f)=>require('fs').readFileSync('/etc/nta/'+f);
        const ssl={ca:[read('kafka-ca/ca.crt')],${files}};
        const p=new Kafka({brokers:['kafka.kafka.svc:9093'],ssl,logLevel:0,retry:{retries:0}}).producer();
        p.connect().then(()=>p.send({topic:'${topic}',messages:[{value:'forged'}]})).then(()=>'written',e=>e.message).then((said)=>{console.log(said);process.exit()})`,
      );
    const own = "cert:read('kafka/user.crt'),key:read('kafka/user.key')";
    expect(await write('packets-dead-letter', own)).toBe('written');
    expect(await write('packets', own)).toMatch(/not authorized/i);
    expect(await write('packets-dead-letter', '')).toMatch(/certificate|closed|disconnected|ECONNRESET/i);
  });

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
      [await pod('processors'), 'nta', 'kafka.kafka.svc', 9093, true],
      [await pod('processors'), 'nta', 'postgres.postgres.svc', 5432, false],
      [await pod('api'), 'nta', 'kafka.kafka.svc', 9093, true],
      ['intruder', 'nta', 'postgres.postgres.svc', 5432, false],
      ['intruder', 'nta', 'kafka.kafka.svc', 9093, false],
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
    expect(new Set((await pods()).map(({ image }) => image))).toEqual(new Set(['nta:0.1.1']));
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
    const scanner = await scannerAddress();
    const stored = () =>
      query(`SELECT count(*) FROM packets WHERE source = '${scanner}' AND destination_port BETWEEN 30000 AND 30009`);
    await script('servers.sh', 'stop', 'kafka', 'KILL');
    await scan(30_000, 10);
    const log = () => kubectl('-n', 'nta-capture', 'logs', 'daemonset/nta-capture');
    await until(
      () => captureMetric('nta_capture_packets_spooled'),
      (packets) => packets >= 10,
      60,
    );
    await kubectl('-n', 'nta-capture', 'delete', 'pod', '-l', 'app=nta-capture', '--timeout=90s');
    await until(log, (text) => /"msg":"capturing"/.test(text), 90);
    await script('servers.sh', 'start', 'kafka');
    await until(stored, (count) => Number(count) >= 10, 120);
    await allReady(60);
    expect(await stored()).toBe('10');
  });

  it('hunts by its CronJob, finds a beacon once however often, and applies retention', async () => {
    // Thirty calls four minutes apart, as a sink would have stored them.
    await query(`INSERT INTO conversations (ended_at, started_at, id, originator_bytes, responder_bytes, originator_payload,
        responder_payload, originator_packets, responder_packets, origin_id, originator_port, responder_port, ip_protocol,
        state, outcome, begun, originator, responder)
      SELECT at, at, call, 700, 900, 400, 600, 5, 4, (SELECT min(id) FROM origins), 40000 + call, 443, 6, 4, 2, true,
        '198.18.200.7', '203.0.113.9'
      FROM (SELECT call, date_trunc('second', now()) - call * interval '4 minutes' AS at FROM generate_series(0, 29) AS call) AS calls`);
    for (const job of ['first', 'second']) {
      await kubectl('-n', 'nta', 'create', 'job', `hunt-${job}`, '--from=cronjob/nta-hunt');
      await kubectl('-n', 'nta', 'wait', '--for=condition=Complete', `job/hunt-${job}`, '--timeout=150s');
    }
    const beacons = () => query("SELECT count(*) FROM alerts WHERE rule_id = 'beacon' AND source = '198.18.200.7'");
    await until(beacons, (count) => count !== '0', 60);
    expect(await beacons()).toBe('1');
    expect(await kubectl('-n', 'nta', 'get', 'jobs', '-o', 'jsonpath={.items[*].status.failed}')).toBe('');
    const part = ['-n', 'nta', 'exec', 'deployment/nta-maintenance', '-c', 'nta', '--', 'node'];
    expect(await kubectl(...part, MAIN, 'cleanup')).toBe('nothing is older than the retention');
  });

  it('uses partitions that its topics are given while it works', async () => {
    // Its partition is the same before and after: its windows go on.
    await startReplay('replay-growth', STAYING_SOURCE);
    await kafkaAdmin('partitions', String(PARTITIONS_LATER));
    await replayIsWhole('replay-growth', STAYING_SOURCE);
    const used = () => query("SELECT count(DISTINCT partition) FROM sink_offsets WHERE topic = 'packets'");
    await until(used, (count) => Number(count) === PARTITIONS_LATER, 60);
    expect((await pods()).filter(({ restarts }) => restarts > 0)).toEqual([]);
  });

  it('takes the certificates of a new authority from its Secrets without a restart', async () => {
    makeCertificates();
    apply(kafkaSecrets());
    const print = "require('fs').readFileSync('/etc/nta/kafka/user.crt','utf8')";
    for (const { name } of await pods()) {
      const part = /^nta-([a-z]+)-/.exec(name)![1]!;
      const namespace = part === 'capture' ? 'nta-capture' : 'nta';
      await until(
        () => kubectl('-n', namespace, 'exec', name, '-c', 'nta', '--', 'node', '-p', print),
        (mounted) => mounted.trim() === certificateOf(part).trim(),
        180,
      );
    }
    // The broker that comes back knows the new authority alone.
    await script('servers.sh', 'stop', 'kafka', 'KILL');
    await script('servers.sh', 'start', 'kafka');
    await allReady(120);
    await scan(50_000, 10);
    const scanned = `source = '${await scannerAddress()}' AND destination_port BETWEEN 50000 AND 50009 AND tcp_flags = 2`;
    const stored = () => query(`SELECT count(*) FROM packets WHERE ${scanned}`);
    await until(stored, (count) => count === '10', 60);
    expect((await pods()).filter(({ restarts }) => restarts > 0)).toEqual([]);
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

describe('a capture node in its container', () => {
  it('held nothing against the node or the fleet in all this time', async () => {
    const own = await kubectl('get', 'pods', '-n', 'nta', '-o', 'jsonpath={.items[*].status.podIP}');
    const list = [BRIDGE_IP, NODE_IP, ...own.split(' ')].map((ip) => `'${ip}'`).join(', ');
    expect(await query(`SELECT source, rule_id, message FROM alerts WHERE severity >= 2 AND source IN (${list})`)).toBe(
      '',
    );
  });

  it('loses nothing of 50,000 packets a second', async () => {
    const published = () => captureMetric('nta_capture_packets_published_total{.*interface="any".*}');
    const lost = () => captureMetric('nta_capture_packets_dropped_total{.*reason="kernel_dropped".*}').catch(() => 0);
    const before = { published: await published(), lost: await lost(), seconds: await captureSeconds() };
    const rate = await sendMix(MIX_PACKETS, 50_000);
    await until(published, (count) => count - before.published >= MIX_PACKETS, 120);
    const share = (((await captureSeconds()) - before.seconds) * rate) / MIX_PACKETS;
    process.stdout.write(`${MIX_PACKETS} packets at ${rate}/s: ${share.toFixed(2)} of a core in the container\n`);
    expect(rate).toBeGreaterThan(45_000);
    expect((await lost()) - before.lost).toBe(0);
  });

  it('keeps whole packets beside them with the component evidence', async () => {
    apply(build('cluster', '0.1.1', 'evidence'));
    await rolledOut();
    await allReady(60);
    await scan(40_000, 10);
    const pod = await kubectl('-n', 'nta-capture', 'get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}');
    // As deploy/README.md says it. The file that is being written ends within a packet.
    const filter = `src host ${await scannerAddress()} and tcp dst portrange 40000-40009`;
    const loop = `for f in $(ls -tr /evidence); do tcpdump -r /evidence/$f -n ${filter}; done || true`;
    const kept = () => kubectl('-n', 'nta-capture', 'exec', pod, '-c', 'evidence', '--', 'sh', '-c', loop);
    await until(kept, (text) => text.includes('.40009: Flags [S]'), 60);
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
    // Objects are refused in a namespace that is not there yet.
    apply(objects.filter((text) => /^kind: Namespace$/m.test(text)).join('\n---\n'));
    expect(apply(objects.join('\n---\n'), '--dry-run=server')).toContain('kafkauser.kafka.strimzi.io');
    const others = apply(build('cluster', '0.1.0', 'gateway', 'hpa', 'backup', 'evidence'), '--dry-run=server');
    for (const kind of [
      'httproute.gateway.networking',
      'horizontalpodautoscaler.autoscaling',
      'cronjob.batch/nta-backup',
    ])
      expect(others).toContain(kind);
  });
});
