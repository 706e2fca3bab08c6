/**
 * The filter of packets: the table of fields gives the parameters of `GET /api/packets` and the body of
 * `POST /api/packets/search`, which can also be combined with and, or and not.
 */
import { z } from '@hono/zod-openapi';
import { fieldValues, Refusal } from '../../schemas/tables/field-values.js';
import { allOf, anyOf, not, type PacketCondition } from '../../schemas/tables/packet-condition.js';
import {
  PACKET_FIELDS,
  PACKET_FILTER_NAMES,
  type PacketFilterName,
  parsePacketField,
} from '../../schemas/tables/packet-fields.js';
import { strictObject } from '../http/strict-object.js';

/** Conditions and nesting of one search. */
const SEARCH_NODES_MAX = 200;
const SEARCH_DEPTH_MAX = 8;

/** Parsed fields; a field that was not given is absent. */
export type PacketFields = { readonly [Name in PacketFilterName]?: PacketCondition | undefined };

const NAMES = Object.keys(PACKET_FILTER_NAMES) as PacketFilterName[];

function parseField(name: PacketFilterName, values: readonly string[], context: z.RefinementCtx): PacketCondition {
  try {
    return parsePacketField(PACKET_FILTER_NAMES[name], values);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

function describe(name: PacketFilterName): string {
  const meant = PACKET_FILTER_NAMES[name];
  return meant === name ? PACKET_FIELDS[meant].description : `Another name of ${meant}.`;
}

type QueryShape = Record<PacketFilterName, z.ZodType<PacketCondition | undefined, string | undefined>>;
type BodyValue = string | number | (string | number)[];
type BodyShape = Record<PacketFilterName, z.ZodType<PacketCondition | undefined, BodyValue | undefined>>;

/** The fields as parameters of a query string. */
export const packetQueryShape = Object.fromEntries(
  NAMES.map((name) => [
    name,
    z
      .string('is given twice; separate values by commas')
      .transform((text, context) => parseField(name, fieldValues(text), context))
      .optional()
      .openapi({
        param: { description: describe(name) },
        type: 'string',
        example: PACKET_FIELDS[PACKET_FILTER_NAMES[name]].example,
      }),
  ]),
) as unknown as QueryShape;

/** The fields of a JSON body: a value or a list of values, of which any matches. */
export const packetBodyShape = Object.fromEntries(
  NAMES.map((name) => [
    name,
    z
      .union(
        [z.string(), z.number(), z.array(z.union([z.string(), z.number()]))],
        'must be a text, a number or a list of these',
      )
      .transform((value, context) =>
        parseField(name, Array.isArray(value) ? value.map(String) : fieldValues(String(value)), context),
      )
      .optional()
      .openapi({
        description: describe(name),
        example: PACKET_FIELDS[PACKET_FILTER_NAMES[name]].example,
      }),
  ]),
) as unknown as BodyShape;

export interface PacketExpression extends PacketFields {
  readonly and?: readonly PacketExpression[] | undefined;
  readonly or?: readonly PacketExpression[] | undefined;
  readonly not?: PacketExpression | undefined;
}

const nested = z.lazy(() => packetExpressionSchema);

/** Fields beside each other must all match; `and`, `or` and `not` combine further expressions. */
export const packetExpressionSchema: z.ZodType<PacketExpression> = strictObject({
  ...packetBodyShape,
  and: z.array(nested).min(1, 'must not be empty').optional(),
  or: z.array(nested).min(1, 'must not be empty').optional(),
  not: nested.optional(),
}).openapi('PacketExpression', {
  description: `A filter of packets. Fields beside each other must all match; and, or and not combine further expressions. At most ${SEARCH_NODES_MAX} expressions, ${SEARCH_DEPTH_MAX} deep.`,
});

/**
 * What is too much about a body before anything recurses into it: a hostile one nests thousands deep.
 *
 * @returns the reason, or null.
 */
export function expressionExcess(body: unknown): string | null {
  let nodes = 0;
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const node of level) {
      if (typeof node !== 'object' || node === null) continue;
      nodes++;
      const { and, or, not: negated } = node as Record<string, unknown>;
      if (Array.isArray(and)) next.push(...and);
      if (Array.isArray(or)) next.push(...or);
      if (negated !== undefined) next.push(negated);
    }
    if (depth > SEARCH_DEPTH_MAX) return `must nest at most ${SEARCH_DEPTH_MAX} deep; split the search`;
    if (nodes > SEARCH_NODES_MAX) return `must have at most ${SEARCH_NODES_MAX} expressions; split the search`;
    level = next;
  }
  return null;
}

/** What packets of an expression must meet. */
export function packetCondition(expression: PacketExpression): PacketCondition {
  const conditions: PacketCondition[] = [];
  for (const name of NAMES) {
    const condition = expression[name];
    if (condition) conditions.push(condition);
  }
  if (expression.and) conditions.push(allOf(expression.and.map(packetCondition)));
  if (expression.or) conditions.push(anyOf(expression.or.map(packetCondition)));
  if (expression.not) conditions.push(not(packetCondition(expression.not)));
  return allOf(conditions);
}
