/** The metrics of the workers of a fleet in the registry of their parent, each value with the label `worker`. */
import type { Metric, MetricObjectWithValues, MetricValue } from 'prom-client';
import type { Registry } from '../../runtime/process/metrics.js';

export type MetricSnapshot = MetricObjectWithValues<MetricValue<string>>;

export class FleetMetrics {
  private readonly byWorker = new Map<number, ReadonlyMap<string, MetricSnapshot>>();
  private readonly names = new Set<string>();

  constructor(private readonly registry: Registry) {}

  /** Replaces what is known of a worker. Counters begin again when a worker does, as Prometheus expects of them. */
  update(worker: number, snapshot: readonly MetricSnapshot[]): void {
    this.byWorker.set(worker, new Map(snapshot.map((metric) => [metric.name, metric])));
    for (const metric of snapshot) {
      if (this.names.has(metric.name)) continue;
      this.names.add(metric.name);
      // prom-client asks a registered metric for nothing but its name and its values.
      this.registry.registerMetric({ name: metric.name, get: () => this.collect(metric) } as unknown as Metric);
    }
  }

  private collect(template: MetricSnapshot): Promise<MetricSnapshot> {
    const values = [...this.byWorker].flatMap(([worker, metrics]) =>
      (metrics.get(template.name)?.values ?? []).map((value) => ({
        ...value,
        labels: { ...value.labels, worker: String(worker) },
      })),
    );
    return Promise.resolve({ ...template, values });
  }
}
