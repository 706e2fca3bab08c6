/** The service that listens with the application of `app.ts`. */
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import type pg from 'pg';
import { createKafka, type KafkaSettings } from '../runtime/kafka/client.js';
import { checkPostgres, type PostgresSettings } from '../runtime/postgres/client.js';
import { messageOf } from '../runtime/process/failure.js';
import type { Logger } from '../runtime/process/log.js';
import { listen, type Registry } from '../runtime/process/metrics.js';
import type { Service } from '../runtime/process/service.js';
import { topicName } from '../schemas/topics.js';
import { AlertFeed } from './alert-feed.js';
import { createApp } from './app.js';
import { checkEnrichment, Enricher } from './enrichment/enricher.js';
import { ExceptionPublisher } from './exception-publisher.js';
import { createLanes } from './http/admission.js';
import { BurstLog } from './http/burst-log.js';
import { CONNECTION_LIMITS, Connections, SERVER_TIMEOUTS } from './http/connections.js';
import { OidcLogin } from './http/oidc-login.js';
import { ProxyIdentity } from './http/proxy-identity.js';
import { RequestMetrics } from './http/request-metrics.js';
import { isTls, readTls, TlsReload } from './http/tls.js';
import { createApiPool, createDownloadClient, createFeedClient } from './pool.js';
import { type ApiSettings, readApiToken } from './settings.js';
import { type Alert, type AlertRow, viewAlert } from './views/alert-view.js';

export { type ApiSettings, apiOptions } from './settings.js';

const HEALTH_CONNECTIONS = 2;
const HANDSHAKE_TIMEOUT_MS = 5_000;
const ACCEPTED_BEYOND = 50;

export interface ApiService extends Service {
  /** `http://127.0.0.1:5000`, once it is started. */
  readonly url: string;
}

class Api implements ApiService {
  readonly name = 'api';
  url = '';
  private pool: pg.Pool | undefined;
  private healthPool: pg.Pool | undefined;
  private feed: AlertFeed | undefined;
  private exceptions: ExceptionPublisher | undefined;
  private server: Server | undefined;
  private tlsReload: TlsReload | undefined;
  private enricher: Enricher | undefined;
  private readonly metrics: RequestMetrics;

  constructor(
    private readonly settings: ApiSettings & PostgresSettings,
    private readonly log: Logger,
    registry: Registry,
    private readonly kafka: KafkaSettings | null,
  ) {
    this.metrics = new RequestMetrics(registry);
  }

  async start(): Promise<void> {
    const { settings, log, metrics, kafka } = this;
    const token = readApiToken(settings, (message) => log.warn(message));
    await checkPostgres(settings);
    const onIdleError = (error: Error): void =>
      log.warn({ reason: messageOf(error) }, 'a connection to Postgres broke; the next request makes a new one');
    const pool = createApiPool(settings, settings.apiStatementTimeout, onIdleError);
    this.pool = pool;
    // Whoever asks how the API is does not wait behind those who ask for pages.
    const healthPool = createApiPool(
      { ...settings, dbMaxConn: HEALTH_CONNECTIONS },
      settings.apiStatementTimeout,
      onIdleError,
    );
    this.healthPool = healthPool;
    const enricher = new Enricher(settings, log);
    this.enricher = enricher;
    await enricher.start();
    const view = (row: AlertRow): Alert => viewAlert(row, enricher);
    const feed = new AlertFeed(pool, () => createFeedClient(settings), log, metrics.streams, view);
    this.feed = feed;
    const exceptions = new ExceptionPublisher(
      pool,
      kafka === null || kafka.kafkaBrokers.length === 0 ? null : createKafka(kafka, 'nta-api', log),
      topicName('exceptions', kafka?.topicPrefix ?? ''),
      log,
    );
    this.exceptions = exceptions;
    exceptions.start();
    const connections = new Connections(metrics.closed, new BurstLog(log));
    const app = createApp({
      pool,
      healthPool,
      connect: () => createDownloadClient(settings),
      feed,
      exceptions,
      enricher,
      settings,
      token,
      log,
      metrics,
      lanes: createLanes(settings.dbMaxConn),
      hasRoom: () => connections.hasRoom(),
    });
    const listener = connections.serially(getRequestListener(app.fetch));
    const server = isTls(settings)
      ? createTlsServer({ ...SERVER_TIMEOUTS, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...readTls(settings) }, listener)
      : createServer(SERVER_TIMEOUTS, listener);
    // Those beyond the limit are seen, and others are closed for them.
    server.maxConnections = CONNECTION_LIMITS.connections + ACCEPTED_BEYOND;
    connections.guard(server);
    this.server = server;
    await listen(server, settings.apiHost, settings.apiPort, '--api-port');
    const { address, port, family } = server.address() as AddressInfo;
    if (server instanceof TlsServer) {
      this.tlsReload = new TlsReload(settings, server, log);
      await this.tlsReload.start();
    }
    this.url = `${isTls(settings) ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    if (token === '')
      log.warn(
        'no API token is set, so this machine reads without one and nothing can be changed: give NTA_API_TOKEN or --api-token-file',
      );
    else if (settings.apiOpenReads)
      log.warn('--api-open-reads: whoever reaches this machine’s loopback reads without the token');
    log.info({ url: this.url }, 'API and dashboard listen');
  }

  async stop(): Promise<void> {
    const { server, pool } = this;
    // Streams have no end of their own.
    this.feed?.stop();
    await this.exceptions?.stop();
    await this.tlsReload?.stop();
    await this.enricher?.stop();
    if (server?.listening) {
      // Requests in flight are answered; idle keep-alive connections are not waited for.
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      const giveUp = setTimeout(() => server.closeAllConnections(), 5_000);
      await closed;
      clearInterval(sweep);
      clearTimeout(giveUp);
    }
    await Promise.all([pool?.end(), this.healthPool?.end()]);
  }
}

const UNHEARD = (): void => undefined;

/**
 * Whether files and values of the settings can be used, for what can be said before anything is waited for.
 *
 * @throws Failure `CONFIGURATION`, `TOKEN_FILE` and the like: what `start` would throw
 */
export async function checkApiSettings(settings: ApiSettings): Promise<void> {
  const token = readApiToken(settings, UNHEARD);
  new ProxyIdentity(settings);
  new OidcLogin(settings, token, Date.now, UNHEARD);
  if (isTls(settings)) readTls(settings);
  await checkEnrichment(settings);
}

/**
 * @param registry takes the API's metrics; one API a registry.
 * @param kafka where exceptions are published; without it they are stored alone.
 */
export function createApi(
  settings: ApiSettings & PostgresSettings,
  log: Logger,
  registry: Registry,
  kafka: KafkaSettings | null = null,
): ApiService {
  return new Api(settings, log, registry, kafka);
}
