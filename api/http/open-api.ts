/** The OpenAPI 3.1 document of the API, made from the very schemas that check requests. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { projectVersion } from '../../runtime/process/project.js';
import type { ApiBindings } from './access.js';

export function openApiDocument(app: OpenAPIHono<ApiBindings>) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'The value of NTA_API_TOKEN, or what --api-token-file holds. Reads on loopback need none.',
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
    tags: [{ name: 'packets' }, { name: 'alerts' }, { name: 'stats' }, { name: 'nodes' }, { name: 'health' }],
  });
}
