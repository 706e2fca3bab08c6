/** The alerting rules as the object that the prometheus-operator takes them from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../runtime/process/project.js';

/** Where `npm run reference` writes it. */
export const PROMETHEUS_RULE = join('deploy', 'kubernetes', 'components', 'prometheus-operator', 'rules.yaml');

export function prometheusRule(): string {
  const rules = readFileSync(join(projectRoot, 'deploy', 'prometheus', 'nta.rules.yaml'), 'utf8');
  const groups = rules.slice(rules.indexOf('groups:\n'));
  return [
    '# Made of deploy/prometheus/nta.rules.yaml by `npm run reference`.',
    'apiVersion: monitoring.coreos.com/v1',
    'kind: PrometheusRule',
    'metadata: { name: nta, namespace: nta }',
    'spec:',
    groups.replace(/^(?=.)/gm, '  '),
  ].join('\n');
}
