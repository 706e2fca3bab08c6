/** The REST API and the dashboard as one Hono application: who may ask, what is asked, and every route. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { requestId } from 'hono/request-id';
import type pg from 'pg';
import type { Logger } from '../runtime/process/log.js';
import type { AlertFeed } from './alert-feed.js';
import { dashboardPage, dashboardRoutes, readDashboard } from './dashboard.js';
import type { Enricher } from './enrichment/enricher.js';
import type { ExceptionPublisher } from './exception-publisher.js';
import { guardAccess, guardHost, guardRole } from './http/access.js';
import { accessLog } from './http/access-log.js';
import { admit, type createLanes } from './http/admission.js';
import { audit } from './http/audit.js';
import { Authenticator } from './http/authenticator.js';
import { BurstLog } from './http/burst-log.js';
import { compression } from './http/compression.js';
import { Downloads } from './http/download.js';
import { OidcLogin } from './http/oidc-login.js';
import { cachedDocument } from './http/open-api.js';
import { ApiProblem, databaseProblem, problemResponse } from './http/problem.js';
import { ProxyIdentity } from './http/proxy-identity.js';
import { limitRate } from './http/rate-limit.js';
import type { ApiBindings } from './http/request.js';
import type { RequestMetrics } from './http/request-metrics.js';
import { responseHeaders } from './http/response-headers.js';
import { isTls } from './http/tls.js';
import { referenceRoutes } from './reference.js';
import { alertHistogramRoutes } from './routes/alert-histogram.js';
import { alertStreamRoutes } from './routes/alert-stream.js';
import { alertTriageRoutes } from './routes/alert-triage.js';
import { alertRoutes } from './routes/alerts.js';
import { auditRoutes } from './routes/audit.js';
import { conversationRoutes } from './routes/conversations.js';
import { downloadRoutes } from './routes/downloads.js';
import { exceptionRoutes } from './routes/exceptions.js';
import { fieldRoutes } from './routes/fields.js';
import { healthRoutes } from './routes/health.js';
import { hostRoutes } from './routes/hosts.js';
import { incidentRoutes } from './routes/incidents.js';
import { loginRoutes } from './routes/login.js';
import { nodeRoutes } from './routes/nodes.js';
import { packetRoutes } from './routes/packets.js';
import { createRouter } from './routes/route.js';
import { ruleRoutes } from './routes/rules.js';
import { sessionRoutes } from './routes/session.js';
import { statsRoutes } from './routes/stats.js';
import type { ApiSettings } from './settings.js';
import { TokenDirectory } from './tokens/token-directory.js';

/** Largest body, bytes: a search of 200 expressions fits many times. */
const BODY_MAX = 64 * 1024;

export interface ApiDependencies {
  /** From `createApiPool`, whose values have the form that answers carry. */
  readonly pool: pg.Pool;
  readonly feed: AlertFeed;
  readonly exceptions: ExceptionPublisher;
  readonly enricher: Enricher;
  readonly settings: ApiSettings;
  /** Empty when none is set: writes are refused then. */
  readonly token: string;
  readonly log: Logger;
  readonly metrics: RequestMetrics;
  /** For what has to be known while requests queue for the other; the same when absent. */
  readonly healthPool?: pg.Pool;
  /** A connection of its own for each download. */
  readonly connect: () => pg.Client;
  readonly lanes: ReturnType<typeof createLanes>;
  /** Whether another answer may be made while others are not read yet. */
  readonly hasRoom?: () => boolean;
  /** Milliseconds since the epoch; the wall clock when absent. */
  readonly now?: () => number;
}

/** The application, without a listener: tests call its `request`. */
export function createApp(dependencies: ApiDependencies): OpenAPIHono<ApiBindings> {
  const {
    pool,
    healthPool = pool,
    feed,
    exceptions,
    enricher,
    settings,
    token,
    log,
    metrics,
    now = Date.now,
  } = dependencies;
  const bursts = new BurstLog(log);

  const app = createRouter();
  app.use('*', requestId({ limitLength: 64 }));
  app.use('*', accessLog(log, metrics, settings.apiAccessLog));
  app.use('*', compression);
  app.use('*', responseHeaders);
  const tokens = new TokenDirectory(healthPool, bursts, now);
  const proxy = new ProxyIdentity(settings);
  const login = new OidcLogin(settings, token, now, (message) => log.warn(message));
  const authenticator = new Authenticator({ settings, token, tokens, proxy, hasProvider: login.isOn, now });
  const rules = { settings, refused: metrics.refused };
  app.use('*', guardHost(rules));
  app.use('/api/*', guardAccess(rules, authenticator));
  app.use('/api/*', audit(pool, log));
  app.use('/api/*', limitRate(settings.apiRateLimit, metrics.refused));
  app.use('/api/*', guardRole(rules));
  app.use('/api/*', admit(dependencies.lanes, dependencies.hasRoom ?? (() => true)));
  guardBodies(app);

  const routes = { pool, feed, exceptions, now, enricher };
  app.route('/api', packetRoutes(routes));
  app.route('/api', downloadRoutes(routes, new Downloads(dependencies.connect, metrics, log)));
  app.route('/api', conversationRoutes(routes));
  app.route('/api', hostRoutes(routes));
  app.route('/api', alertStreamRoutes(routes));
  app.route('/api', alertHistogramRoutes(routes));
  app.route('/api', alertRoutes(routes));
  app.route('/api', incidentRoutes(routes));
  app.route('/api', exceptionRoutes(routes));
  app.route('/api', alertTriageRoutes(routes));
  app.route('/api', statsRoutes(routes));
  app.route('/api', ruleRoutes(routes));
  app.route('/api', fieldRoutes());
  app.route('/api', nodeRoutes(routes));
  app.route('/api', auditRoutes(routes));
  // A proxy may end TLS in front; what browsers find by https:// has cookies for that alone.
  const isSecure = isTls(settings) || settings.apiPublicUrl.startsWith('https:');
  app.route('/api', sessionRoutes(authenticator, isSecure));
  const methods = { token: true, oidc: login.isOn, proxy: proxy.isOn };
  app.route('/api', loginRoutes(authenticator, login, methods, isSecure));
  app.route('/api', healthRoutes({ ...routes, pool: healthPool }));
  const document = cachedDocument(app);
  app.get('/api/openapi.json', (c) => {
    const { text, etag } = document();
    const headers = { etag, 'cache-control': 'no-cache' };
    if (c.req.header('if-none-match')?.replace(/^W\//, '') === etag) return c.body(null, 304, headers);
    return c.body(text, 200, { ...headers, 'content-type': 'application/json' });
  });
  app.route('/api/docs', referenceRoutes());
  const dashboard = readDashboard();
  app.route('/', dashboardRoutes(dashboard));
  const page = dashboardPage(dashboard);

  const missing = missingRoute(app);
  app.notFound((c) => page(c) ?? problemResponse(c, missing(c.req.method, c.req.path)));
  app.onError((error, c) => {
    const problem = problemOf(error);
    const fields = { request_id: c.get('requestId'), method: c.req.method, path: c.req.path, code: problem.code };
    if (problem.status === 500) log.error({ ...fields, err: error }, problem.message);
    else if (problem.status > 500) bursts.warn(problem.code, fields, problem.message);
    return problemResponse(c, problem);
  });
  return app;
}

/** Bodies are JSON, and no larger than they need be. */
function guardBodies(app: OpenAPIHono<ApiBindings>): void {
  app.use(
    '/api/*',
    bodyLimit({
      maxSize: BODY_MAX,
      onError: () => {
        throw new ApiProblem(413, 'BODY_TOO_LARGE', `the body must have at most ${BODY_MAX} bytes`);
      },
    }),
  );
  app.use('/api/*', async (c, next) => {
    const type = c.req.header('content-type');
    const hasBody = c.req.method === 'POST' && (type !== undefined || Number(c.req.header('content-length') ?? 0) > 0);
    if (hasBody && !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? '')) {
      throw new ApiProblem(415, 'NOT_JSON', 'Content-Type: the body must be application/json');
    }
    await next();
  });
}

/** Tells a path that is there, but takes other methods, from one that is not. */
function missingRoute(app: OpenAPIHono<ApiBindings>): (method: string, path: string) => ApiProblem {
  const known = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({
      method,
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`),
    }));
  return (method, path) => {
    const methods = new Set(known.filter(({ pattern }) => pattern.test(path)).map((route) => route.method));
    if (methods.size > 0) {
      const allowed = [...methods].sort().join(', ');
      return new ApiProblem(405, 'METHOD_NOT_ALLOWED', `${path} takes ${allowed}, not ${method}`, {
        headers: { allow: allowed },
      });
    }
    return new ApiProblem(
      404,
      'NO_SUCH_PATH',
      `there is nothing at ${path.slice(0, 200)}; /api/openapi.json lists the API, / is the dashboard`,
    );
  };
}

function problemOf(error: Error): ApiProblem {
  if (error instanceof ApiProblem) return error;
  // Hono's own: a body that is no JSON.
  if (error instanceof HTTPException && error.status === 400) {
    return new ApiProblem(400, 'INVALID_INPUT', 'body: is no valid JSON', {
      errors: [{ input: 'body', reason: 'is no valid JSON' }],
    });
  }
  const problem = databaseProblem(error);
  if (problem) return problem;
  return new ApiProblem(500, 'INTERNAL', 'a defect of the server; its log has the details', { cause: error });
}
