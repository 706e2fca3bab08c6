/** Dashboard and alerting rules speak of metrics and labels that there are. */
import { describe, expect, it } from 'vitest';
import { productMetrics } from '../../deploy/reference/reference.js';
import { everyMetric } from '../../deploy/reference/sections.js';
import { dashboardExpressions, ruleExpressions } from '../support/monitoring.js';

const labelsOf = new Map(productMetrics(everyMetric()).map(({ name, labels }) => [name, labels]));
/** Given by Prometheus, by histograms, and by a fleet of workers. */
const EVERYWHERE = ['instance', 'job', 'le', 'worker'];
/** Of Node and the process, from prom-client. */
const OF_THE_PROCESS = new Set([
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
]);

const expressions = [...dashboardExpressions(), ...ruleExpressions()];

describe('what Grafana and Prometheus are told to ask for', () => {
  it('is a good deal', () => {
    expect(dashboardExpressions().length).toBeGreaterThan(40);
    expect(ruleExpressions().length).toBeGreaterThan(10);
  });

  it.each(expressions)('$of: $expression', ({ expression, shown }) => {
    const names = [...expression.matchAll(/\b(?:nta|process|nodejs)_\w+/g)].map(([name]) => baseName(name));
    expect(names.length).toBeGreaterThan(0);
    const known = new Set(EVERYWHERE);
    for (const name of names) {
      expect(labelsOf.has(name) || OF_THE_PROCESS.has(name), `there is no metric ${name}`).toBe(true);
      for (const label of labelsOf.get(name) ?? []) known.add(label);
    }
    const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) => match[1]!.split(/,\s*/));
    const matched = [...expression.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map((match) => match[1]!);
    for (const label of [...grouped, ...matched, ...shown]) {
      expect(known.has(label), `there is no label ${label}`).toBe(true);
    }
  });
});

/** Of a histogram's series, the histogram. */
function baseName(series: string): string {
  const histogram = series.replace(/_(bucket|sum|count)$/, '');
  return labelsOf.has(histogram) ? histogram : series;
}
