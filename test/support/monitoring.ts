/** What deploy/grafana and deploy/prometheus ask Prometheus for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from '../../runtime/process/project.js';

export const RULES_FILE = join(projectRoot, 'deploy', 'prometheus', 'nta.rules.yaml');
export const PROMETHEUS_FILE = join(projectRoot, 'deploy', 'prometheus', 'prometheus.yaml');
const DASHBOARD_FILE = join(projectRoot, 'deploy', 'grafana', 'nta.json');

/** An expression in PromQL, with Grafana's variables still in it. */
export interface MonitoringExpression {
  /** Panel or alert. */
  readonly of: string;
  readonly expression: string;
  /** Labels that a legend or an annotation speaks of. */
  readonly shown: readonly string[];
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export function dashboardExpressions(): MonitoringExpression[] {
  const { panels } = JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8')) as { panels: readonly Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      of: title,
      expression: expr,
      shown: [...legendFormat.matchAll(/{{(\w+)}}/g)].map((match) => match[1]!),
    })),
  );
}

export function ruleExpressions(): MonitoringExpression[] {
  const { groups } = parse(readFileSync(RULES_FILE, 'utf8')) as { groups: readonly { rules: readonly Rule[] }[] };
  return groups.flatMap(({ rules }) =>
    rules.map(({ alert, expr, annotations }) => ({
      of: alert,
      expression: expr,
      shown: [
        ...Object.values(annotations)
          .join(' ')
          .matchAll(/\$labels\.(\w+)/g),
      ].map((match) => match[1]!),
    })),
  );
}
