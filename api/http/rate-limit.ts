/** So many requests a minute for each identity: of tokens and people by their name, of the server's own token and of none by the address too. */
import type { MiddlewareHandler } from 'hono';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Counter } from '../../runtime/process/metrics.js';
import { clientOf } from './failed-tokens.js';
import { ApiProblem } from './problem.js';
import type { ApiBindings } from './request.js';

const WINDOW_SECONDS = 60;

/** @param requestsAMinute 0 for no limit */
export function limitRate(requestsAMinute: number, refused: Counter<'reason'>): MiddlewareHandler<ApiBindings> {
  if (requestsAMinute === 0) return (_c, next) => next();
  const limiter = new RateLimiterMemory({ points: requestsAMinute, duration: WINDOW_SECONDS });
  return async (c, next) => {
    const identity = c.get('identity');
    if (identity === undefined) return next();
    const address = clientOf(c.env?.incoming?.socket?.remoteAddress ?? '');
    try {
      await limiter.consume(identity.named ? identity.name : `${identity.name} ${address}`);
    } catch (result) {
      if (!(result instanceof RateLimiterRes)) throw result;
      refused.inc({ reason: 'rate' });
      const seconds = Math.max(1, Math.ceil(result.msBeforeNext / 1000));
      throw new ApiProblem(
        429,
        'TOO_MANY_REQUESTS',
        `more than ${requestsAMinute} requests a minute (--api-rate-limit); the next is taken in ${seconds} s`,
        { headers: { 'retry-after': String(seconds) } },
      );
    }
    await next();
  };
}
