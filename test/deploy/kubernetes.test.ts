/** The Kubernetes manifests as kustomize builds them: valid, known to `nta`, unprivileged, apart where they must be. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { apiCommandOptions } from '../../deploy/nta/commands/api.js';
import { captureCommandOptions } from '../../deploy/nta/commands/capture.js';
import { cleanupServiceOptions } from '../../deploy/nta/commands/cleanup.js';
import { huntCommandOptions } from '../../deploy/nta/commands/hunt.js';
import { processCommandOptions } from '../../deploy/nta/commands/process.js';
import { setupCommandOptions } from '../../deploy/nta/commands/setup.js';
import { sinkCommandOptions } from '../../deploy/nta/commands/sink.js';
import { PROMETHEUS_RULE, prometheusRule } from '../../deploy/reference/prometheus-rule.js';
import { flagOf, type OptionTable, variablesOf } from '../../runtime/process/options.js';
import { projectRoot } from '../../runtime/process/project.js';
import { TOPICS } from '../../schemas/topics.js';
import {
  buildOverlay,
  type Container,
  type KubernetesObject,
  kubernetesValidate,
  podTemplateOf,
  requireKustomize,
} from '../support/kustomize.js';
import { requireCondition, type SkippableTest } from '../support/requirement.js';

const TABLES: Readonly<Record<string, OptionTable>> = {
  capture: captureCommandOptions,
  process: processCommandOptions,
  sink: sinkCommandOptions,
  api: apiCommandOptions,
  setup: setupCommandOptions,
  cleanup: cleanupServiceOptions,
  hunt: huntCommandOptions,
};
const OVERLAYS = ['overlays/single-node', 'overlays/production'] as const;
const built = new Map<string, ReturnType<typeof buildOverlay>>();

beforeEach((context) => {
  requireKustomize(context);
  for (const overlay of OVERLAYS) if (!built.has(overlay)) built.set(overlay, buildOverlay(overlay));
});

function workloads(overlay: string): KubernetesObject[] {
  return built.get(overlay)!.objects.filter((item) => podTemplateOf(item) !== undefined);
}
function containersOf(item: KubernetesObject): readonly Container[] {
  const { containers, initContainers = [] } = podTemplateOf(item)!.spec;
  return [...initContainers, ...containers];
}
function find(overlay: string, kind: string, name: string): KubernetesObject {
  return built.get(overlay)!.objects.find((item) => item.kind === kind && item.metadata.name === name)!;
}

/** By Kubernetes' own schemas of its own objects. */
function expectValid(context: SkippableTest, text: string): void {
  const folder = kubernetesValidate();
  requireCondition(context, folder !== undefined, 'not installed: kubernetes-validate (pip)');
  const output = execFileSync('python3', ['-m', 'kubernetes_validate', '--strict', '-k', '1.35', '-'], {
    input: text,
    env: { ...process.env, PYTHONPATH: folder! },
    encoding: 'utf8',
  });
  expect(output).not.toMatch(/^ERROR/m);
}

describe.each(OVERLAYS)('%s', (overlay) => {
  it('has a workload for each part, capture in a namespace of its own', () => {
    expect(workloads(overlay).map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace}/${name}`)).toEqual(
      expect.arrayContaining([
        'DaemonSet nta-capture/nta-capture',
        'Deployment nta/nta-api',
        'Deployment nta/nta-maintenance',
        'Deployment nta/nta-processors',
        'Deployment nta/nta-sink',
        'Deployment nta/nta-webhook',
        'CronJob nta/nta-hunt',
      ]),
    );
    // A Job's template is immutable: with one in it the next version could not be applied.
    expect(workloads(overlay).map(({ kind }) => kind)).not.toContain('Job');
  });

  it('keeps the selectors of earlier releases, which cannot be changed', () => {
    for (const part of ['processors', 'sink', 'webhook', 'api'])
      expect(find(overlay, 'Deployment', `nta-${part}`).spec!.selector).toEqual({
        matchLabels: { app: `nta-${part}` },
      });
  });

  it('gives only flags and variables that the part knows', () => {
    const maps = new Map(
      built
        .get(overlay)!
        .objects.filter(({ kind }) => kind === 'ConfigMap')
        .map(({ metadata, data }) => [metadata.name, Object.keys(data!)]),
    );
    const known = new Set(Object.values(TABLES).flatMap((table) => Object.values(table).flatMap(variablesOf)));
    let seen = 0;
    for (const container of workloads(overlay).flatMap(containersOf)) {
      const table = TABLES[container.args![0]!]!;
      const flags = [...Object.keys(table).map(flagOf), '--every-interval'];
      for (const argument of container.args!.filter((text) => text.startsWith('--')))
        expect(flags).toContain(argument.split('=')[0]);
      const own = Object.values(table).flatMap(variablesOf);
      for (const { name } of container.env!) expect(own, container.args!.join(' ')).toContain(name);
      for (const { configMapRef } of container.envFrom!)
        for (const name of maps.get(configMapRef!.name)!) expect(known, name).toContain(name);
      seen++;
    }
    expect(seen).toBe(8);
  });

  it('sets no secret by a variable, and gives each part a Secret of its own', () => {
    const secret = Object.values(TABLES).flatMap((table) =>
      Object.values(table).flatMap(({ env, secret }) => (secret ? [env] : [])),
    );
    for (const item of workloads(overlay)) {
      for (const { env, envFrom, volumeMounts } of containersOf(item)) {
        for (const { name, value } of env!) {
          expect(secret).not.toContain(name);
          if (name.endsWith('_FILE')) expect(value).toMatch(/^\/etc\/nta\/secrets\/[a-z-]+$/);
        }
        expect(envFrom!.every((source) => source.secretRef === undefined)).toBe(true);
        expect(volumeMounts.map(({ mountPath }) => mountPath)).toContain('/etc/nta/secrets');
      }
      const names = podTemplateOf(item)!.spec.volumes.flatMap((volume) => volume.secret?.secretName ?? []);
      // The hash of its contents is at its end where the overlay makes it.
      expect(names[0]).toMatch(new RegExp(`^${item.metadata.name}(-[a-z0-9]{10})?$`));
    }
  });

  it('lets no Service become a setting, and no pod reach the API server', () => {
    for (const item of workloads(overlay)) {
      const { enableServiceLinks, automountServiceAccountToken, serviceAccountName } = podTemplateOf(item)!.spec;
      expect(enableServiceLinks, item.metadata.name).toBe(false);
      expect(automountServiceAccountToken).toBe(false);
      expect(serviceAccountName).toBe(item.metadata.namespace);
    }
  });

  it('runs everything unprivileged on a read-only file system; capture with NET_RAW and no way to more', () => {
    for (const item of workloads(overlay)) {
      const isCapture = item.metadata.name === 'nta-capture';
      const { securityContext, hostNetwork = false } = podTemplateOf(item)!.spec;
      expect(hostNetwork).toBe(isCapture);
      expect(securityContext).toMatchObject(isCapture ? { runAsUser: 0 } : { runAsNonRoot: true, runAsUser: 1000 });
      for (const container of containersOf(item)) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: isCapture ? { drop: ['ALL'], add: ['NET_RAW'] } : { drop: ['ALL'] },
        });
      }
    }
    expect(find(overlay, 'Namespace', 'nta').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
  });

  it('keeps the spool on the node, captures on every node and before others', () => {
    const { spec } = podTemplateOf(find(overlay, 'DaemonSet', 'nta-capture'))!;
    expect(spec.volumes).toContainEqual({
      name: 'spool',
      hostPath: { path: '/var/lib/nta/spool', type: 'DirectoryOrCreate' },
    });
    expect(spec.tolerations).toEqual([{ operator: 'Exists' }]);
    expect(find(overlay, 'PriorityClass', spec.priorityClassName!)).toBeDefined();
  });

  it('has every part probed and scraped, on the address of its host where it has no other', () => {
    // A job is over before anybody would probe it.
    for (const item of workloads(overlay).filter(({ kind }) => kind !== 'CronJob')) {
      const [container] = podTemplateOf(item)!.spec.containers;
      const isCapture = item.kind === 'DaemonSet';
      const port = container!.ports?.find(({ name }) => name === 'metrics');
      expect(port).toEqual({ name: 'metrics', containerPort: 9090, ...(isCapture ? { hostPort: 9090 } : {}) });
      expect(container!.startupProbe?.httpGet).toEqual({ path: '/health', port: 'metrics' });
      expect(container!.livenessProbe?.httpGet).toEqual({ path: '/health', port: 'metrics' });
      expect(container!.readinessProbe?.httpGet).toEqual({ path: '/ready', port: 'metrics' });
      // 0.0.0.0 in the network of the host would be all networks that the host is in.
      const host = container!.env!.find(({ name }) => name === 'NTA_METRICS_HOST');
      expect(host?.valueFrom?.fieldRef?.fieldPath).toBe(isCapture ? 'status.hostIP' : undefined);
      expect(container!.resources.requests).toHaveProperty('ephemeral-storage');
    }
  });

  it('names what every object belongs to', () => {
    for (const item of workloads(overlay))
      expect(podTemplateOf(item)!.metadata.labels).toMatchObject({
        app: item.metadata.name,
        'app.kubernetes.io/name': 'nta',
        'app.kubernetes.io/component': item.metadata.name.replace('nta-', ''),
      });
  });

  it('is what Kubernetes’ own schemas allow', { timeout: 60_000 }, (context) => {
    expectValid(context, built.get(overlay)!.text);
  });
});

describe('overlays/single-node', () => {
  it('asks for less than a quarter of a core, so that a node of one has room', () => {
    const millicores = workloads('overlays/single-node').flatMap((item) =>
      podTemplateOf(item)!.spec.containers.map(({ resources }) => {
        const times = item.kind === 'DaemonSet' ? 1 : (item.spec!.replicas ?? 1);
        return times * Number.parseInt(resources.requests['cpu']!, 10);
      }),
    );
    expect(millicores.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(250);
  });

  it('rolls the pods when a setting or a Secret changes', () => {
    const { text } = built.get('overlays/single-node')!;
    expect(buildOverlay('overlays/single-node').text).not.toBe(text);
    const { spec } = podTemplateOf(find('overlays/single-node', 'Deployment', 'nta-sink'))!;
    expect(spec.containers[0]!.envFrom).toEqual([
      { configMapRef: { name: expect.stringMatching(/^nta-[a-z0-9]{10}$/) } },
    ]);
  });
});

describe('overlays/production', () => {
  it('has the topics as nta setup would make them', () => {
    for (const { name, config, copartitioned } of Object.values(TOPICS)) {
      const spec = find('overlays/production', 'KafkaTopic', name)?.spec as { partitions: number; config: object };
      expect(spec.partitions, name).toBe(copartitioned ? 12 : 1);
      expect(Object.fromEntries(Object.entries(spec.config).map(([key, value]) => [key, String(value)]))).toEqual(
        config,
      );
    }
  });

  it('has the alerting rules of deploy/prometheus', () => {
    const file = join(projectRoot, 'deploy', 'prometheus', 'nta.rules.yaml');
    const { groups } = parse(readFileSync(file, 'utf8')) as { groups: unknown };
    expect(find('overlays/production', 'PrometheusRule', 'nta').spec).toEqual({ groups });
    expect(readFileSync(join(projectRoot, PROMETHEUS_RULE), 'utf8')).toBe(prometheusRule());
  });

  it('scales what KEDA scales to no more than the partitions, and down slowly', () => {
    for (const part of ['processors', 'sink']) {
      const spec = find('overlays/production', 'ScaledObject', `nta-${part}`).spec!;
      expect(spec['maxReplicaCount']).toBe(12);
      expect(JSON.stringify(spec)).toContain('"stabilizationWindowSeconds":900');
      expect(find('overlays/production', 'Deployment', `nta-${part}`).spec!.replicas).toBeUndefined();
    }
  });
});

describe('components', () => {
  it('that no overlay has fit the base as well', { timeout: 60_000 }, (context) => {
    const components = ['kafka-tls', 'gateway', 'hpa', 'backup', 'evidence'];
    const { objects, text } = buildOverlay('overlays/single-node', components);
    expectValid(context, text);
    const kinds = objects.map(({ kind }) => kind);
    expect(kinds).toEqual(
      expect.arrayContaining(['Gateway', 'HTTPRoute', 'HorizontalPodAutoscaler', 'CronJob', 'PersistentVolumeClaim']),
    );
  });

  it('are each in an overlay or in this test', () => {
    const folder = join(projectRoot, 'deploy', 'kubernetes', 'components');
    expect(readdirSync(folder).sort()).toEqual([
      ...['backup', 'cert-manager', 'cloudnative-pg', 'evidence', 'gateway', 'hpa', 'ingress', 'kafka-tls', 'keda'],
      ...['prometheus-operator', 'strimzi'],
    ]);
  });

  it('evidence keeps packets on the node by tcpdump, bounded, which becomes the unprivileged user', () => {
    const { objects } = buildOverlay('overlays/single-node', ['evidence']);
    const { containers, initContainers, volumes } = podTemplateOf(
      objects.find(({ kind }) => kind === 'DaemonSet')!,
    )!.spec;
    const evidence = containers.find(({ name }) => name === 'evidence')!;
    expect(evidence.command?.join(' ')).toMatch(/^tcpdump .*-Z node .*-C 100 -W 40 /);
    expect(evidence.image).toBe(containers[0]!.image);
    for (const { securityContext } of [...initContainers!, ...containers])
      expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true });
    expect(evidence.securityContext.capabilities).toEqual({ drop: ['ALL'], add: ['NET_RAW', 'SETUID', 'SETGID'] });
    expect(evidence.volumeMounts).toEqual([{ name: 'evidence', mountPath: '/evidence' }]);
    expect(volumes).toContainEqual({
      name: 'evidence',
      hostPath: { path: '/var/lib/nta/evidence', type: 'DirectoryOrCreate' },
    });
  });
});
