/**
 * Prometheus metrics of a process and the HTTP endpoint that serves them beside liveness and readiness.
 * Names are `nta_<part>_<what>[_<unit>][_total]`; labels never carry addresses, so their number is bounded.
 */
import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { Failure } from './failure.js';
import { defineOptions, type Settings } from './options.js';
import type { Service } from './service.js';

export { Counter, Gauge, Histogram, Registry } from 'prom-client';

export const metricsOptions = defineOptions({
  metricsHost: {
    kind: 'string',
    env: 'NTA_METRICS_HOST',
    default: '127.0.0.1',
    placeholder: '<address>',
    help: 'address that /metrics, /health and /ready listen on',
  },
  metricsPort: {
    kind: 'integer',
    env: 'NTA_METRICS_PORT',
    default: 0,
    minimum: 0,
    maximum: 65_535,
    unit: 'port',
    help: 'port of /metrics, /health and /ready; 0 turns them off',
  },
});
export type MetricsSettings = Settings<typeof metricsOptions>;

/** A registry with the process's own metrics (CPU, memory, event loop) in it. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Why a part is not ready, or null when it is. */
export type ReadinessProbe = () => string | null;

/** Serves `/metrics`, `/health` (the process lives) and `/ready` (200 or 503 with the reason). */
export class MetricsServer implements Service {
  readonly name = 'metrics';
  private server: Server | undefined;

  constructor(
    private readonly registry: Registry,
    private readonly settings: MetricsSettings,
    private readonly readiness: ReadinessProbe = () => null,
  ) {}

  async start(): Promise<void> {
    const { metricsHost, metricsPort } = this.settings;
    if (metricsPort === 0) return;
    const server = createServer((request, response) => {
      const path = (request.url ?? '/').split('?')[0];
      if (path === '/metrics') {
        this.registry.metrics().then(
          (text) => response.writeHead(200, { 'content-type': this.registry.contentType }).end(text),
          (error: unknown) => response.writeHead(500).end(String(error)),
        );
      } else if (path === '/health') {
        response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
      } else if (path === '/ready') {
        const reason = this.readiness();
        response.writeHead(reason === null ? 200 : 503, { 'content-type': 'text/plain' }).end(`${reason ?? 'ready'}\n`);
      } else {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('try /metrics, /health or /ready\n');
      }
    });
    this.server = server;
    await listen(server, metricsHost, metricsPort, '--metrics-port');
  }

  async stop(): Promise<void> {
    const server = this.server;
    if (!server?.listening) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** Listens, or fails with a line that names the address, the reason and the flag that changes it. */
export function listen(server: Server, host: string, port: number, flag: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE'
          ? `the port is taken by another process; choose another with ${flag}`
          : error.code === 'EACCES'
            ? `this user may not listen there; choose a port above 1023 with ${flag}`
            : error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND'
              ? 'this machine has no such address; use one of its own, or 127.0.0.1'
              : error.message;
      reject(new Failure('LISTEN', `cannot listen on ${host}:${port}: ${reason}`, { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
}
