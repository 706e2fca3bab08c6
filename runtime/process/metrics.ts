/**
 * Prometheus metrics of a process and the HTTP endpoint that serves them beside liveness and readiness.
 * Names are `nta_<part>_<what>[_<unit>][_total]`; labels never carry addresses, so their number is bounded.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { carriesToken } from './bearer-token.js';
import { Failure } from './failure.js';
import { isLoopbackHost, isOwnHost } from './loopback.js';
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
  metricsToken: {
    kind: 'string',
    env: 'NTA_METRICS_TOKEN',
    default: '',
    secret: true,
    placeholder: '<token>',
    help: 'bearer token that /metrics and the reasons of /ready ask for; without one both are for this machine alone, whatever --metrics-host is; prefer the environment variable, flags are visible to other users',
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

/** A slow or silent client holds a connection for a bounded time, and few do. */
const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 };
const CONNECTIONS_MAX = 200;

const PLAIN_TEXT = { 'content-type': 'text/plain' };

/**
 * Serves `/metrics`, `/health` (the process lives) and `/ready` (200 or 503 with the reason). Whether it lives and is
 * ready anyone may know, as a kubelet asks without a token; the rest is for who has the token, or, where none is set, for
 * this machine.
 */
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
    const server = createServer(LIMITS, (request, response) => this.answer(request, response));
    server.maxConnections = CONNECTIONS_MAX;
    this.server = server;
    await listen(server, metricsHost, metricsPort, '--metrics-port');
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?')[0];
    const trusted = this.isTrusted(request);
    if (path === '/metrics') {
      if (this.settings.metricsToken === '' && this.isForeign(request)) misdirected(response);
      else if (trusted) this.sendMetrics(response);
      else refuse(response, this.settings.metricsToken !== '');
    } else if (path === '/health') {
      response.writeHead(200, PLAIN_TEXT).end('ok\n');
    } else if (path === '/ready') {
      const reason = this.readiness();
      const said = trusted ? reason : 'not ready';
      response.writeHead(reason === null ? 200 : 503, PLAIN_TEXT).end(`${reason === null ? 'ready' : said}\n`);
    } else {
      response.writeHead(404, PLAIN_TEXT).end('try /metrics, /health or /ready\n');
    }
  }

  /** Under another's name: a page in a browser here would read what is for this machine. */
  private isForeign({ headers }: IncomingMessage): boolean {
    return !isOwnHost(headers.host ?? '', [this.settings.metricsHost]);
  }

  private isTrusted(request: IncomingMessage): boolean {
    const { headers } = request;
    const { metricsHost, metricsToken } = this.settings;
    return metricsToken === ''
      ? isLoopbackHost(metricsHost) && !this.isForeign(request)
      : carriesToken(headers.authorization ?? '', metricsToken);
  }

  private sendMetrics(response: ServerResponse): void {
    this.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': this.registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }

  async stop(): Promise<void> {
    const server = this.server;
    if (!server?.listening) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function misdirected(response: ServerResponse): void {
  const reason =
    'Host: not a name of this machine; ask by its address, 127.0.0.1 or localhost, or set NTA_METRICS_TOKEN';
  response.writeHead(421, PLAIN_TEXT).end(`${reason}\n`);
}

function refuse(response: ServerResponse, hasToken: boolean): void {
  const remedy = hasToken
    ? 'send "Authorization: Bearer <token>", that of NTA_METRICS_TOKEN'
    : 'to serve metrics to other machines, start this part with NTA_METRICS_TOKEN';
  response.writeHead(401, { ...PLAIN_TEXT, 'www-authenticate': 'Bearer realm="nta"' }).end(`${remedy}\n`);
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
