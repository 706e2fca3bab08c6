/** `GET /api/alerts/stream`: alerts as they are stored, as Server-Sent Events. */
import { createRoute, z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { clientOf } from '../http/failed-tokens.js';
import { strictObject } from '../http/strict-object.js';
import { createRouter, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

const streamRoute = createRoute({
  method: 'get',
  path: '/alerts/stream',
  operationId: 'streamAlerts',
  summary: 'Alerts as they change, pushed as Server-Sent Events',
  description:
    'Each event `alert` holds an alert as it is now, as lists show it: a new one, one that goes on or has ended, one that a person has resolved or reopened. `reset` says that changes may have been missed, or that the stream begins: read `GET /api/alerts` then. A stream that broke is resumed with `Last-Event-ID`. Comments come every 8 s of silence.',
  tags: ['alerts'],
  security: readSecurity,
  request: {
    query: strictObject({}),
    headers: z.object({
      'last-event-id': z
        .string()
        .max(100, 'must have at most 100 characters')
        .optional()
        .openapi({ param: { description: 'Id of the last event that was received.' } }),
    }),
  },
  responses: {
    200: {
      description: 'Events without an end, until the client or the server goes.',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...sharedErrors,
  },
});

export function alertStreamRoutes({ feed }: RouteDependencies) {
  return createRouter().openapi(streamRoute, (c) => {
    const address = c.env?.incoming?.socket?.remoteAddress ?? '';
    const owner = `${c.get('identity').name} ${clientOf(address)}`;
    const client = feed.subscribe(c.req.valid('header')['last-event-id'] ?? '', owner);
    // A proxy in between (nginx) must not wait until it has a bufferful.
    c.header('x-accel-buffering', 'no');
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => client.close());
      for (let text = await client.next(); text !== null; text = await client.next()) await stream.write(text);
    });
  });
}
