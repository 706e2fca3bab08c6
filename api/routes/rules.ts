/** `GET /api/rules`: what processors look for, as they say themselves. */
import { createRoute, z } from '@hono/zod-openapi';
import type pg from 'pg';
import {
  RULE_PARTS,
  RULES_SILENT_INTERVALS,
  type RuleInForce,
  type RulesInForce,
} from '../../schemas/nodes/rules-in-force.js';
import { strictObject } from '../http/strict-object.js';
import { query } from '../pool.js';
import { timestampSchema } from '../queries/time-range.js';
import { createRouter, jsonContent, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

const PROCESSORS_MAX = 1000;

const processorSchema = z
  .object({
    processor: z.string().openapi({ description: 'Machine that it runs on.' }),
    part: z.enum(RULE_PARTS).openapi({ description: 'worker: windows of the stream; hunt: what is stored.' }),
    configuration: z.string().openapi({ description: 'File of its configuration; empty for the defaults.' }),
    version: z.string(),
    state: z
      .enum(['online', 'silent'])
      .openapi({ description: `silent: not heard of for ${RULES_SILENT_INTERVALS} of its intervals.` }),
    sent_at: timestampSchema.openapi({ description: 'By the processor’s clock.' }),
    silent_seconds: z.number(),
  })
  .openapi('Processor');

const ruleSchema = z
  .object({
    id: z.string().openapi({ description: '`rule` of its alerts.', example: 'port-scan' }),
    name: z.string(),
    version: z.string(),
    summary: z.string().openapi({ description: 'What it finds.' }),
    enabled: z.boolean(),
    severity: z.int().min(1).max(5),
    keyed_by: z.string().openapi({ description: 'Whom its windows are kept of.', example: 'source' }),
    measure: z.string().openapi({ example: 'distinct' }),
    threshold: z.number(),
    counts: z.string().openapi({ description: 'What the threshold counts.' }),
    window_seconds: z.number(),
    techniques: z.array(z.object({ id: z.string(), name: z.string() })).openapi({ description: 'MITRE ATT&CK.' }),
    options: z
      .record(z.string(), z.union([z.number(), z.boolean(), z.array(z.union([z.number(), z.string()]))]))
      .openapi({ description: 'Its own settings.' }),
    has_exceptions: z.boolean().openapi({ description: 'Whether its configuration leaves out some traffic.' }),
    processors: z.array(z.int()).openapi({ description: 'Who has it so, by place in `processors`.' }),
  })
  .openapi('Rule');

const rulesSchema = z
  .object({
    processors: z.array(processorSchema),
    rules: z.array(ruleSchema).openapi({
      description:
        'Of the processors that are online, or of all when none is. A rule that two have otherwise stands twice.',
    }),
    agree: z.boolean().openapi({
      description: 'Whether these processors have the same rules; if not, alerts depend on who takes a partition.',
    }),
  })
  .openapi('Rules');
export type Rules = z.infer<typeof rulesSchema>;

const rulesRoute = createRoute({
  method: 'get',
  path: '/rules',
  operationId: 'listRules',
  summary: 'Rules with their thresholds, windows, severities and techniques, as processors have them in force',
  tags: ['rules'],
  security: readSecurity,
  request: { query: strictObject({}) },
  responses: { 200: jsonContent(rulesSchema, 'The rules.'), ...sharedErrors },
});

interface Row extends RulesInForce {
  readonly age_ms: number;
}

export async function findRules(pool: pg.Pool): Promise<Rules> {
  const { rows } = await query<Row>(
    pool,
    `SELECT processor, part, configuration, version, sent_at, interval_ms, rules,
       greatest(0, extract(epoch FROM now() - received_at) * 1000)::float8 AS age_ms
     FROM rules_in_force ORDER BY processor, part, configuration LIMIT $1`,
    [PROCESSORS_MAX],
  );
  const processors = rows.map(({ processor, part, configuration, version, sent_at, interval_ms, age_ms }) => ({
    processor,
    part,
    configuration,
    version,
    state: age_ms > RULES_SILENT_INTERVALS * interval_ms ? ('silent' as const) : ('online' as const),
    sent_at,
    silent_seconds: age_ms / 1000,
  }));
  const online = rows.map((_, index) => index).filter((index) => processors[index]!.state === 'online');
  const counted = online.length > 0 ? online : rows.map((_, index) => index);
  const rules = new Map<string, RuleInForce & { processors: number[] }>();
  for (const index of counted) {
    for (const rule of rows[index]!.rules) {
      const text = JSON.stringify([rows[index]!.part, rule]);
      const known = rules.get(text);
      if (known === undefined) rules.set(text, { ...rule, processors: [index] });
      else known.processors.push(index);
    }
  }
  const merged = [...rules.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return {
    processors,
    rules: merged as unknown as Rules['rules'],
    agree: merged.every(({ processors: having }) => {
      const { part } = rows[having[0]!]!;
      return having.length === counted.filter((index) => rows[index]!.part === part).length;
    }),
  };
}

export function ruleRoutes({ pool }: RouteDependencies) {
  return createRouter().openapi(rulesRoute, async (c) => c.json(await findRules(pool), 200));
}
