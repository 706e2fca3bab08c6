/** The Kubernetes manifest: it parses, and every flag and variable in it is one that `nta` knows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { apiCommandOptions } from '../../deploy/nta/commands/api.js';
import { captureCommandOptions } from '../../deploy/nta/commands/capture.js';
import { processCommandOptions } from '../../deploy/nta/commands/process.js';
import { sinkCommandOptions } from '../../deploy/nta/commands/sink.js';
import { topicOptions } from '../../runtime/kafka/topic-setup.js';
import { flagOf, type OptionTable } from '../../runtime/process/options.js';
import { projectRoot } from '../../runtime/process/project.js';

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
  }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[];
  readonly livenessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly readinessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly securityContext: {
    readonly readOnlyRootFilesystem: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
  };
}
interface Item {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: {
      readonly spec: {
        readonly hostNetwork?: boolean;
        readonly containers: readonly Container[];
        readonly securityContext: { readonly runAsNonRoot: boolean };
      };
    };
  };
}

const tables: Readonly<Record<string, OptionTable>> = {
  capture: captureCommandOptions,
  process: processCommandOptions,
  sink: sinkCommandOptions,
  api: apiCommandOptions,
  setup: topicOptions,
};

const items = (
  parse(readFileSync(join(projectRoot, 'deploy', 'kubernetes', 'nta.yaml'), 'utf8'), { merge: true }) as {
    items: Item[];
  }
).items;
const workloads = items.filter((item) => item.spec?.template);

describe('deploy/kubernetes/nta.yaml', () => {
  it('has a workload for each part', () => {
    expect(workloads.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
      'DaemonSet nta-capture',
      'Deployment nta-api',
      'Deployment nta-processors',
      'Deployment nta-sink',
      'Deployment nta-webhook',
      'Job nta-setup',
    ]);
  });

  it('gives only flags that the command knows', () => {
    for (const workload of workloads) {
      for (const { args } of workload.spec!.template!.spec.containers) {
        const known = Object.keys(tables[args[0]!]!).map(flagOf);
        for (const argument of args.filter((text) => text.startsWith('--')))
          expect(known).toContain(argument.split('=')[0]);
      }
    }
  });

  it('sets only variables that some part reads', () => {
    const known = Object.values(tables).flatMap((table) => Object.values(table).map(({ env }) => env));
    const set = [
      ...items.flatMap((item) => Object.keys({ ...item.data, ...item.stringData })),
      ...workloads.flatMap((item) =>
        item.spec!.template!.spec.containers.flatMap(({ env }) => (env ?? []).map(({ name }) => name)),
      ),
    ];
    expect(set.length).toBeGreaterThan(5);
    for (const name of set) expect(known).toContain(name);
  });

  it('runs everything without root, on a read-only file system, with no capability but the capture node’s', () => {
    for (const { metadata, spec } of workloads) {
      expect(spec!.template!.spec.securityContext.runAsNonRoot).toBe(true);
      for (const { securityContext } of spec!.template!.spec.containers) {
        expect(securityContext.readOnlyRootFilesystem).toBe(true);
        expect(securityContext.capabilities).toEqual(
          metadata.name === 'nta-capture' ? { drop: ['ALL'], add: ['NET_RAW'] } : { drop: ['ALL'] },
        );
      }
    }
  });

  it('has Prometheus reach every part that stays, on the address of its host where it has no other, by a token', () => {
    const { data, stringData } = items.reduce<Pick<Item, 'data' | 'stringData'>>(
      (all, item) => ({ data: { ...all.data, ...item.data }, stringData: { ...all.stringData, ...item.stringData } }),
      {},
    );
    expect(Object.keys(stringData!)).toContain('NTA_METRICS_TOKEN');
    for (const { kind, metadata, spec } of workloads.filter((item) => item.kind !== 'Job')) {
      const [container] = spec!.template!.spec.containers;
      const port = container!.ports?.find(({ name }) => name === 'metrics');
      expect(port?.containerPort, metadata.name).toBe(Number(data!['NTA_METRICS_PORT']));
      expect(container!.livenessProbe?.httpGet).toEqual({ path: '/health', port: 'metrics' });
      expect(container!.readinessProbe?.httpGet).toEqual({ path: '/ready', port: 'metrics' });
      expect(container!.args.filter((argument) => argument.startsWith('--metrics-'))).toEqual([]);
      const host = container!.env?.find(({ name }) => name === 'NTA_METRICS_HOST');
      // 0.0.0.0 in the network of the host would be all networks that the host is in.
      expect(spec!.template!.spec.hostNetwork ?? false).toBe(kind === 'DaemonSet');
      expect(host?.valueFrom?.fieldRef?.fieldPath).toBe(kind === 'DaemonSet' ? 'status.hostIP' : undefined);
      expect(port?.hostPort).toBe(kind === 'DaemonSet' ? port?.containerPort : undefined);
    }
    const prometheus = parse(readFileSync(join(projectRoot, 'deploy', 'kubernetes', 'prometheus.yaml'), 'utf8')) as {
      scrape_configs: [{ authorization?: { credentials_file?: string }; relabel_configs: unknown[] }];
    };
    const [job] = prometheus.scrape_configs;
    expect(job.authorization?.credentials_file).toMatch(/^\//);
    expect(job.relabel_configs).toContainEqual(expect.objectContaining({ regex: 'metrics', action: 'keep' }));
  });
});
