/** What the tests do with the fleet and beside it: pods that scan, idle or replay, and what became of their packets. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { partitionOf } from '../../runtime/kafka/partition.js';
import { INPUT_KINDS } from '../bench/inputs.js';
import { pcapFile } from '../support/capture-file.js';
import { ethernet } from '../support/frames.js';
import { ipv4 } from '../support/ip-packets.js';
import { writeTraffic } from '../support/traffic.js';
import { tcp } from '../support/transport-segments.js';
import { apply, kubectl, NODE_IP, pods, query, STATE, script, until } from './machine.js';

export const EXPECTED_PODS = 8;
const WORKLOADS = ['maintenance', 'processors', 'sink', 'api'].map((part) => `deployment/nta-${part}`);

/** Every pod of the fleet is there and ready. */
export const allReady = (seconds: number) =>
  until(pods, (all) => all.length === EXPECTED_PODS && all.every(({ ready }) => ready), seconds);

export async function rolledOut(): Promise<void> {
  for (const workload of WORKLOADS) await kubectl('-n', 'nta', 'rollout', 'status', workload, '--timeout=180s');
  await kubectl('-n', 'nta-capture', 'rollout', 'status', 'daemonset/nta-capture', '--timeout=180s');
}

/** A connection from within a pod: "open", "refused", "timeout"… */
export function connect(namespace: string, pod: string, host: string, port: number): Promise<string> {
  const code = `const s=require('net').connect(${port},'${host}');s.setTimeout(3000,()=>{console.log('timeout');process.exit()});s.on('connect',()=>{console.log('open');process.exit()});s.on('error',e=>{console.log(e.code);process.exit()})`;
  return kubectl('-n', namespace, 'exec', pod, '--', 'node', '-e', code);
}

/** A pod of the image that idles, outside of the fleet. */
export async function startPod(name: string, namespace: string): Promise<void> {
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
export async function scan(first: number, count: number): Promise<void> {
  const code = `const n=require('net');for(let p=${first};p<${first + count};p++)n.connect(p,'${NODE_IP}').on('error',()=>{})`;
  await kubectl('-n', 'default', 'exec', 'scanner', '--', 'node', '-e', code);
}

export const REPLAYED = 6_000;

/** Replays a capture of REPLAYED packets over 40 s as the capture node `name`, with one scan in it by `source`. */
export async function startReplay(name: string, source: string): Promise<void> {
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
                  '--kafka-brokers=kafka.kafka.svc:9093',
                  '--kafka-ssl',
                  '--kafka-ssl-ca=/kafka-ca/ca.crt',
                  '--kafka-ssl-cert=/kafka/user.crt',
                  '--kafka-ssl-key=/kafka/user.key',
                ],
                volumeMounts: [
                  { name: 'capture', mountPath: '/capture' },
                  { name: 'kafka', mountPath: '/kafka' },
                  { name: 'kafka-ca', mountPath: '/kafka-ca' },
                ],
              },
            ],
            volumes: [
              { name: 'capture', configMap: { name } },
              { name: 'kafka', secret: { secretName: 'nta-kafka-capture' } },
              { name: 'kafka-ca', secret: { secretName: 'nta-kafka-ca' } },
            ],
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

/** An address whose records stay in their partition when a topic grows. */
export function stayingSource(before: number, after: number): string {
  const addresses = Array.from({ length: 200 }, (_, index) => `192.0.2.${index + 20}`);
  return addresses.find((text) => partitionOf(Buffer.from(text), before) === partitionOf(Buffer.from(text), after))!;
}

/** What became of a replay: rows of its packets, and alerts of its scan. */
async function storedOf(name: string, source: string): Promise<{ rows: number; alerts: number }> {
  const rows = await query(
    `SELECT count(*) FROM packets JOIN origins ON origins.id = origin_id WHERE capture_node = '${name}'`,
  );
  const alerts = await query(`SELECT count(*) FROM alerts WHERE source = '${source}' AND rule_id = 'port-scan'`);
  return { rows: Number(rows), alerts: Number(alerts) };
}

export async function replayIsWhole(name: string, source: string): Promise<void> {
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

export const scannerAddress = (): Promise<string> =>
  kubectl('-n', 'default', 'get', 'pod', 'scanner', '-o', 'jsonpath={.status.podIP}');

/** The name of the only container of a part's image that runs under a pod of the node, as the runtime knows it. */
async function captureContainer(): Promise<string> {
  const path = `{.items[0].status.containerStatuses[?(@.name=="nta")].containerID}`;
  const id = await kubectl('-n', 'nta-capture', 'get', 'pods', '-l', 'app=nta-capture', '-o', `jsonpath=${path}`);
  return id.replace('containerd://', '');
}

/** Processor time of the capture container so far, seconds: of its control group, version 1 or 2. */
export async function captureSeconds(): Promise<number> {
  const id = await captureContainer();
  const folders = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', id], { encoding: 'utf8' }).split('\n');
  for (const folder of folders) {
    const [first, second] = [join(folder, 'cpuacct.usage'), join(folder, 'cpu.stat')];
    if (existsSync(first)) return Number(readFileSync(first, 'utf8')) / 1e9;
    const usage = existsSync(second) ? /^usage_usec (\d+)/m.exec(readFileSync(second, 'utf8')) : null;
    if (usage !== null) return Number(usage[1]) / 1e6;
  }
  throw new Error(`no control group of ${id}`);
}

/** Sends the bench's mix to an interface of the node; returns the packets a second that tcpreplay says it reached. */
export async function sendMix(packets: number, packetsPerSecond: number): Promise<number> {
  const file = join(STATE, 'mix.pcap');
  const { script: mix, snapLength } = INPUT_KINDS.mix;
  writeTraffic(file, mix(), { maxPackets: packets, snapLength });
  const output = await script('load.sh', file, String(packetsPerSecond));
  return Number(/, ([\d.]+) pps/.exec(output)?.[1]);
}
