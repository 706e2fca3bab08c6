/** `GET /api/nodes`: the capture nodes and how they are. */
import { createRoute, z } from '@hono/zod-openapi';
import type pg from 'pg';
import { type CaptureNodeStatus, captureNodeState } from '../../schemas/nodes/capture-node.js';
import { strictObject } from '../http/strict-object.js';
import { query } from '../pool.js';
import { timestampSchema } from '../queries/time-range.js';
import { createRouter, jsonContent, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

export const NODES_MAX = 1000;

const nodeSchema = z
  .object({
    capture_node: z.string(),
    site: z
      .string()
      .nullable()
      .openapi({ description: 'The address space that it looks into; null before it sent any packet.' }),
    state: z.enum(['online', 'stale', 'offline', 'stopped']).openapi({
      description: 'stale: silent for 3 heartbeats; offline: for 10; stopped: on purpose.',
    }),
    version: z.string(),
    started_at: timestampSchema,
    sent_at: timestampSchema.openapi({ description: 'Latest heartbeat, by the node’s clock.' }),
    received_at: timestampSchema.openapi({ description: 'The same, by the clock of the database.' }),
    silent_seconds: z.number(),
    interval_ms: z.int(),
    status: z.record(z.string(), z.unknown()).openapi({
      description: 'The heartbeat whole: interfaces, rates, packets seen, published and dropped by reason, spool.',
    }),
  })
  .openapi('CaptureNode');
export type CaptureNode = z.infer<typeof nodeSchema>;

const nodesSchema = z.object({ nodes: z.array(nodeSchema) }).openapi('CaptureNodes');

const nodesRoute = createRoute({
  method: 'get',
  path: '/nodes',
  operationId: 'listCaptureNodes',
  summary: 'Capture nodes with their latest heartbeat',
  tags: ['nodes'],
  security: readSecurity,
  request: { query: strictObject({}) },
  responses: { 200: jsonContent(nodesSchema, `At most ${NODES_MAX} capture nodes, by name.`), ...sharedErrors },
});

interface NodeRow {
  readonly capture_node: string;
  readonly site: string | null;
  readonly version: string;
  readonly started_at: string;
  readonly sent_at: string;
  readonly received_at: string;
  readonly interval_ms: number;
  readonly stopped: boolean;
  readonly status: CaptureNodeStatus;
  readonly age_ms: number;
}

export async function findNodes(pool: pg.Pool): Promise<z.infer<typeof nodeSchema>[]> {
  const { rows } = await query<NodeRow>(
    pool,
    `SELECT capture_node, version, started_at, sent_at, received_at, interval_ms, stopped, status,
       greatest(0, extract(epoch FROM now() - received_at) * 1000)::float8 AS age_ms,
       (SELECT site FROM origins WHERE origins.capture_node = capture_nodes.capture_node ORDER BY id DESC LIMIT 1) AS site
     FROM capture_nodes ORDER BY capture_node LIMIT $1`,
    [NODES_MAX],
  );
  return rows.map(({ age_ms: ageMs, stopped, status, ...row }) => ({
    ...row,
    state: captureNodeState({ interval_ms: row.interval_ms, stopped }, ageMs),
    silent_seconds: Math.round(ageMs / 100) / 10,
    status: status as unknown as Record<string, unknown>,
  }));
}

export function nodeRoutes({ pool }: RouteDependencies) {
  return createRouter().openapi(nodesRoute, async (c) => c.json({ nodes: await findNodes(pool) }, 200));
}
