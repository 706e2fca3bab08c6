/** One line a request, and its time as a metric. */
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Logger } from '../../runtime/process/log.js';
import type { ApiBindings } from './request.js';
import type { RequestMetrics } from './request-metrics.js';

/** @param isOn whether the lines are for whoever runs it, and not for debugging alone. */
export function accessLog(log: Logger, metrics: RequestMetrics, isOn: boolean): MiddlewareHandler<ApiBindings> {
  const level = isOn ? 'info' : 'debug';
  return async (c, next) => {
    const stop = metrics.duration.startTimer();
    await next();
    // The route's pattern, never the path: paths carry ids.
    const route = c.res.status === 404 || c.res.status === 421 ? 'none' : routePath(c, -1);
    const seconds = stop({ method: c.req.method, route, status: c.res.status });
    log[level](
      {
        request_id: c.get('requestId'),
        method: c.req.method,
        path: c.req.path,
        status: c.res.status,
        milliseconds: Math.round(seconds * 1000),
        actor: c.get('identity')?.name,
        address: c.env?.incoming?.socket?.remoteAddress,
      },
      'request',
    );
  };
}
