/** The OpenAPI 3.1 document of the API, made from the very schemas that check requests. */
import { createHash } from 'node:crypto';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { projectVersion } from '../../runtime/process/project.js';
import type { ApiBindings } from './request.js';

function openApiDocument(app: OpenAPIHono<ApiBindings>) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of `nta token create` with its role (reader, analyst, admin), or the server’s own, of NTA_API_TOKEN or --api-token-file, which is admin.',
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'nta',
      version: projectVersion,
      description:
        'Packets, alerts and statistics of the network traffic analyzer. Times are ISO 8601 in UTC with microseconds. Lists are newest first; `next` continues them. Errors are problem details (RFC 9457): the input, the reason, the remedy.',
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'packets' },
      { name: 'alerts' },
      { name: 'stats' },
      { name: 'search' },
      { name: 'nodes' },
      { name: 'access' },
      { name: 'health' },
    ],
  });
}

/** The document as text, made at the first request: the routes do not change while the server runs. */
export function cachedDocument(app: OpenAPIHono<ApiBindings>): () => { readonly text: string; readonly etag: string } {
  let cached: { text: string; etag: string } | undefined;
  return () => {
    if (cached === undefined) {
      const text = JSON.stringify(openApiDocument(app));
      cached = { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
    }
    return cached;
  };
}
