/** The REST API and the dashboard as one Hono application: who may ask, what is asked, and every route. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { routePath } from 'hono/route';
import type pg from 'pg';
import type { Logger } from '../runtime/process/log.js';
import type { AlertFeed } from './alert-feed.js';
import { dashboardRoutes, readDashboard } from './dashboard.js';
import { type ApiBindings, guardAccess, guardHost } from './http/access.js';
import { type Admission, admit } from './http/admission.js';
import { BurstLog } from './http/burst-log.js';
import { openApiDocument } from './http/open-api.js';
import { ApiProblem, databaseProblem, problemResponse } from './http/problem.js';
import type { RequestMetrics } from './http/request-metrics.js';
import { responseHeaders } from './http/response-headers.js';
import { alertStreamRoutes } from './routes/alert-stream.js';
import { alertRoutes } from './routes/alerts.js';
import { healthRoutes } from './routes/health.js';
import { nodeRoutes } from './routes/nodes.js';
import { packetRoutes } from './routes/packets.js';
import { createRouter } from './routes/route.js';
import { statsRoutes } from './routes/stats.js';
import type { ApiSettings } from './settings.js';

/** Largest body, bytes: a search of 200 expressions fits many times. */
const BODY_MAX = 64 * 1024;

export interface ApiDependencies {
  /** From `createApiPool`, whose values have the form that answers carry. */
  readonly pool: pg.Pool;
  readonly feed: AlertFeed;
  readonly settings: Pick<ApiSettings, 'apiHost' | 'apiAllowedHosts' | 'apiOpenReads'>;
  /** Empty when none is set: writes are refused then. */
  readonly token: string;
  readonly log: Logger;
  readonly metrics: RequestMetrics;
  /** For what has to be known while requests queue for the other; the same when absent. */
  readonly healthPool?: pg.Pool;
  readonly admission: Admission;
  /** Whether another answer may be made while others are not read yet. */
  readonly hasRoom?: () => boolean;
  /** Milliseconds since the epoch; the wall clock when absent. */
  readonly now?: () => number;
}

/** The application, without a listener: tests call its `request`. */
export function createApp(dependencies: ApiDependencies): OpenAPIHono<ApiBindings> {
  const { pool, feed, settings, token, log, metrics, now = Date.now } = dependencies;
  const bursts = new BurstLog(log);

  const app = createRouter();
  app.use('*', async (c, next) => {
    const stop = metrics.duration.startTimer();
    await next();
    // The route's pattern, never the path: paths carry ids.
    const route = c.res.status === 404 || c.res.status === 421 ? 'none' : routePath(c, -1);
    const seconds = stop({ method: c.req.method, route, status: c.res.status });
    log.debug(
      { method: c.req.method, path: c.req.path, status: c.res.status, milliseconds: Math.round(seconds * 1000) },
      'request',
    );
  });
  app.use('*', responseHeaders);
  const rules = { settings, token, refused: metrics.refused, now };
  app.use('*', guardHost(rules));
  app.use('/api/*', guardAccess(rules));
  app.use('/api/*', admit(dependencies.admission, dependencies.hasRoom ?? (() => true)));
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

  const routes = { pool, feed, now };
  app.route('/api', packetRoutes(routes));
  app.route('/api', alertStreamRoutes(routes));
  app.route('/api', alertRoutes(routes));
  app.route('/api', statsRoutes(routes));
  app.route('/api', nodeRoutes(routes));
  app.route('/api', healthRoutes({ ...routes, pool: dependencies.healthPool ?? pool }));
  app.get('/api/openapi.json', (c) => c.json(openApiDocument(app)));
  app.route('/', dashboardRoutes(readDashboard()));

  app.notFound((c) => problemResponse(c, missingRoute(c.req.method, c.req.path)));
  app.onError((error, c) => {
    const problem = problemOf(error);
    const fields = { method: c.req.method, path: c.req.path, code: problem.code };
    if (problem.status === 500) log.error({ ...fields, err: error }, problem.message);
    else if (problem.status > 500) bursts.warn(problem.code, fields, problem.message);
    return problemResponse(c, problem);
  });
  return app;
}

/** Methods that the paths of the API take, for a 405 that says so. */
function missingRoute(method: string, path: string): ApiProblem {
  const isWrite = path === '/api/packets/search' || /^\/api\/alerts\/[^/]+\/(resolve|reopen)$/.test(path);
  const isRead = /^\/api\/(packets|alerts|alerts\/[^/]+|stats|nodes|health|openapi\.json)$/.test(path) && !isWrite;
  if (isWrite || isRead) {
    const allowed = isWrite ? 'POST' : 'GET';
    return new ApiProblem(405, 'METHOD_NOT_ALLOWED', `${path} takes ${allowed}, not ${method}`, {
      headers: { allow: allowed },
    });
  }
  return new ApiProblem(
    404,
    'NO_SUCH_PATH',
    `there is nothing at ${path.slice(0, 200)}; /api/openapi.json lists the API, / is the dashboard`,
  );
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
