/**
 * Serves the dashboard that `npm run build` made: files are read once and served from memory by exact path, so that no request
 * ever reaches the file system. Whatever other path a browser opens is the page too, which knows its own paths.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { type Context, Hono } from 'hono';
import { Failure } from '../runtime/process/failure.js';
import { projectRoot } from '../runtime/process/project.js';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.md': 'text/markdown; charset=utf-8',
};

const PAGE = '/index.html';
/** Files of this folder carry a hash of their content in their name. */
const HASHED = '/assets/';
const FOREVER = 'public, max-age=31536000, immutable';

interface Asset {
  readonly body: string;
  readonly contentType: string;
  readonly etag: string;
}

/** @throws Failure `DASHBOARD` when it was not built */
export function readDashboard(): ReadonlyMap<string, Asset> {
  const folder = join(projectRoot, 'dist', 'dashboard');
  if (!existsSync(join(folder, 'index.html'))) {
    throw new Failure('DASHBOARD', `${folder} holds no dashboard; build it with \`npm run build\``);
  }
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = join(folder, entry);
    const contentType = CONTENT_TYPES[extname(file)];
    if (contentType === undefined || !statSync(file).isFile()) continue;
    const body = readFileSync(file, 'utf8');
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    assets.set(`/${entry.replaceAll('\\', '/')}`, { body, contentType, etag });
  }
  return assets;
}

export function dashboardRoutes(assets: ReadonlyMap<string, Asset>): Hono {
  const app = new Hono();
  const serve = (path: string, { body, contentType, etag }: Asset): void => {
    app.get(path, (c) => {
      // The page is always revalidated: an upgraded server must not meet an old one.
      const headers = { etag, 'cache-control': path.startsWith(HASHED) ? FOREVER : 'no-cache' };
      if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
      return c.body(body, 200, { ...headers, 'content-type': contentType });
    });
  };
  for (const [path, asset] of assets) serve(path, asset);
  const page = assets.get(PAGE);
  if (page !== undefined) serve('/', page);
  return app;
}

/** The page, for whatever other path a browser opens: null where the request asks for something else. */
export function dashboardPage(assets: ReadonlyMap<string, Asset>): (c: Context) => Response | null {
  const page = assets.get(PAGE);
  return (c) => {
    const isPage = c.req.method === 'GET' && (c.req.header('accept') ?? '').includes('text/html');
    if (page === undefined || !isPage || /^\/(api|assets)(\/|$)/.test(c.req.path)) return null;
    return c.body(page.body, 200, {
      etag: page.etag,
      'cache-control': 'no-cache',
      'content-type': page.contentType,
      vary: 'accept',
    });
  };
}
