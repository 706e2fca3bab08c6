/** Writes who changed something, or took something out, into the audit log; also what was refused for want of a role. */
import type { MiddlewareHandler } from 'hono';
import type pg from 'pg';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { query } from '../pool.js';
import { DOWNLOAD_TYPES } from './download.js';
import { CALLBACK_PATH } from './oidc-login.js';
import { type ApiBindings, isRead } from './request.js';

const PATH_MAX = 500;

const DOWNLOAD_PATH = new RegExp(`^/api/\\w+\\.(${Object.keys(DOWNLOAD_TYPES).join('|')})$`);

/** Rows out as a file are a copy that nobody can take back. */
export const isDownload = (path: string): boolean => DOWNLOAD_PATH.test(path) && path !== '/api/openapi.json';

export function audit(pool: pg.Pool, log: Logger): MiddlewareHandler<ApiBindings> {
  return async (c, next) => {
    await next();
    const { method, path } = c.req;
    const identity = c.get('identity');
    if (identity === undefined || (isRead(method, path) && !isDownload(path) && path !== CALLBACK_PATH)) return;
    const address = c.env?.incoming?.socket?.remoteAddress ?? '';
    const entry = [
      identity.name,
      identity.role,
      address,
      method,
      path.slice(0, PATH_MAX),
      c.res.status,
      c.get('requestId'),
    ];
    try {
      await query(
        pool,
        'INSERT INTO audit_log (actor, role, address, method, path, status, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7)',
        entry,
      );
    } catch (error) {
      log.error({ entry, reason: messageOf(error) }, 'an entry of the audit log could not be written');
    }
  };
}
