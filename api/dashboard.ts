/**
 * Serves the dashboard: plain ES modules from `dashboard/public` and the chart library from its npm package. Files are
 * read once and served from memory by exact path, so that no request ever reaches the file system.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { Hono } from 'hono';
import { projectRoot } from '../runtime/process/project.js';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Asset {
  readonly body: string;
  readonly contentType: string;
  readonly etag: string;
}

export function readDashboard(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  const add = (path: string, file: string): void => {
    const contentType = CONTENT_TYPES[extname(file)];
    if (contentType === undefined) return;
    const body = readFileSync(file, 'utf8');
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    assets.set(path, { body, contentType, etag });
  };

  const folder = join(projectRoot, 'api', 'dashboard', 'public');
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    add(`/${entry.replaceAll('\\', '/')}`, join(folder, entry));
  }
  const { resolve } = createRequire(import.meta.url);
  add('/vendor/uplot.js', resolve('uplot/dist/uPlot.esm.js'));
  add('/vendor/uplot.css', resolve('uplot/dist/uPlot.min.css'));

  const page = assets.get('/index.html');
  if (page) assets.set('/', page);
  return assets;
}

export function dashboardRoutes(assets: ReadonlyMap<string, Asset>): Hono {
  const app = new Hono();
  for (const [path, { body, contentType, etag }] of assets) {
    app.get(path, (c) => {
      // Always revalidated: an upgraded server must not meet an old page.
      const headers = { etag, 'cache-control': 'no-cache' };
      if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
      return c.body(body, 200, { ...headers, 'content-type': contentType });
    });
  }
  return app;
}
