/** Metrics of the API's requests. */
import { Counter, Gauge, Histogram, type Registry } from '../../runtime/process/metrics.js';

export class RequestMetrics {
  readonly refused: Counter<'reason'>;
  readonly duration: Histogram<'method' | 'route' | 'status'>;
  readonly streams: Gauge;
  readonly closed: Counter<'reason'>;
  readonly exportedRows: Counter<'what' | 'format'>;

  constructor(registry: Registry) {
    this.refused = new Counter({
      name: 'nta_api_refused_requests_total',
      help: 'requests refused before any route saw them',
      labelNames: ['reason'],
      registers: [registry],
    });
    this.duration = new Histogram({
      name: 'nta_api_request_duration_seconds',
      help: 'time to answer a request',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
      registers: [registry],
    });
    this.closed = new Counter({
      name: 'nta_api_closed_connections_total',
      help: 'connections closed because their client was slow or greedy',
      labelNames: ['reason'],
      registers: [registry],
    });
    this.exportedRows = new Counter({
      name: 'nta_api_exported_rows_total',
      help: 'rows sent in downloads',
      labelNames: ['what', 'format'],
      registers: [registry],
    });
    this.streams = new Gauge({
      name: 'nta_api_alert_streams',
      help: 'clients that alerts are pushed to',
      registers: [registry],
    });
  }
}
