/**
 * `GET /api/docs`: the reference of the API, drawn by Swagger UI from its npm package and this server alone. Files are read once,
 * at the first request for any, and served by exact path.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Hono } from 'hono';
import { projectRoot } from '../runtime/process/project.js';
import { REFERENCE_SECURITY_POLICY } from './http/response-headers.js';

interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

const { resolve } = createRequire(import.meta.url);
const own = (name: string): string => join(projectRoot, 'api', 'reference', name);

const FILES: Readonly<Record<string, { readonly file: () => string; readonly type: string }>> = {
  '/': { file: () => own('index.html'), type: 'text/html; charset=utf-8' },
  '/start.js': { file: () => own('start.js'), type: 'text/javascript; charset=utf-8' },
  '/swagger-ui.css': { file: () => resolve('swagger-ui-dist/swagger-ui.css'), type: 'text/css; charset=utf-8' },
  '/swagger-ui-bundle.js': {
    file: () => resolve('swagger-ui-dist/swagger-ui-bundle.js'),
    type: 'text/javascript; charset=utf-8',
  },
};

export function referenceRoutes(): Hono {
  const read = new Map<string, Asset>();
  const assetOf = (path: string, file: string): Asset => {
    let asset = read.get(path);
    if (asset === undefined) {
      const body = new Uint8Array(readFileSync(file));
      asset = { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
      read.set(path, asset);
    }
    return asset;
  };
  const app = new Hono();
  for (const [path, { file, type }] of Object.entries(FILES)) {
    app.get(path, (c) => {
      const { body, etag } = assetOf(path, file());
      // Always asked for again: an upgraded server must not meet an old page.
      const headers = { etag, 'cache-control': 'no-cache', 'content-security-policy': REFERENCE_SECURITY_POLICY };
      if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
      return c.body(body, 200, { ...headers, 'content-type': type });
    });
  }
  return app;
}
