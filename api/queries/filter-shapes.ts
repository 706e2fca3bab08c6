/** The fields of a table of filters as parameters of a query string, and as fields of a JSON body; and how bodies combine them. */
import { z } from '@hono/zod-openapi';
import { fieldValues, Refusal } from '../../schemas/tables/field-values.js';

/** What a filter of a kind of rows consists of. */
export interface FilterTable<Name extends string, Field extends string, Condition> {
  /** Every name that a field is asked by, and the field. */
  readonly names: Readonly<Record<Name, Field>>;
  readonly fields: Readonly<Record<Field, { readonly description: string; readonly example: string }>>;
  /** @throws Refusal */
  readonly parse: (field: Field, values: readonly string[]) => Condition;
}

type BodyValue = string | number | boolean | (string | number)[];
export type QueryShape<Name extends string, Condition> = Record<
  Name,
  z.ZodType<Condition | undefined, string | undefined>
>;
export type BodyShape<Name extends string, Condition> = Record<
  Name,
  z.ZodType<Condition | undefined, BodyValue | undefined>
>;

function describe<Name extends string, Field extends string>(
  { names, fields }: FilterTable<Name, Field, unknown>,
  name: Name,
): { description: string; example: string } {
  const meant = names[name];
  const { description, example } = fields[meant];
  return { description: (meant as string) === name ? description : `Another name of ${meant}.`, example };
}

function parseField<Name extends string, Field extends string, Condition>(
  { names, parse }: FilterTable<Name, Field, Condition>,
  name: Name,
  values: readonly string[],
  context: z.RefinementCtx,
): Condition {
  try {
    return parse(names[name], values);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

/** The fields as parameters of a query string. */
export function queryShapeOf<Name extends string, Field extends string, Condition>(
  table: FilterTable<Name, Field, Condition>,
): QueryShape<Name, Condition> {
  const shape = (name: Name) => {
    const { description, example } = describe(table, name);
    return z
      .string('is given twice; separate values by commas')
      .transform((text, context) => parseField(table, name, fieldValues(text), context))
      .optional()
      .openapi({ param: { description }, type: 'string', example });
  };
  return Object.fromEntries(
    (Object.keys(table.names) as Name[]).map((name) => [name, shape(name)]),
  ) as unknown as QueryShape<Name, Condition>;
}

/** The fields of a JSON body: a value or a list of values, of which any matches. */
export function bodyShapeOf<Name extends string, Field extends string, Condition>(
  table: FilterTable<Name, Field, Condition>,
): BodyShape<Name, Condition> {
  const shape = (name: Name) =>
    z
      .union(
        [z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))],
        'must be a text, a number or a list of these',
      )
      .transform((value, context) =>
        parseField(table, name, Array.isArray(value) ? value.map(String) : fieldValues(String(value)), context),
      )
      .optional()
      .openapi(describe(table, name));
  return Object.fromEntries(
    (Object.keys(table.names) as Name[]).map((name) => [name, shape(name)]),
  ) as unknown as BodyShape<Name, Condition>;
}

/** Fields beside each other must all match; `and`, `or` and `not` combine further expressions. */
export type Expression<Name extends string, Condition> = { readonly [Key in Name]?: Condition | undefined } & {
  readonly and?: readonly Expression<Name, Condition>[] | undefined;
  readonly or?: readonly Expression<Name, Condition>[] | undefined;
  readonly not?: Expression<Name, Condition> | undefined;
};

/** How conditions of a kind are combined. */
export interface Combination<Condition> {
  readonly allOf: (conditions: readonly Condition[]) => Condition;
  readonly anyOf: (conditions: readonly Condition[]) => Condition;
  readonly not: (condition: Condition) => Condition;
}

/** @returns what rows of an expression must meet */
export function conditionsOf<Name extends string, Condition>(
  names: readonly Name[],
  combine: Combination<Condition>,
): (expression: Expression<Name, Condition>) => Condition {
  const conditionOf = (expression: Expression<Name, Condition>): Condition => {
    const conditions: Condition[] = [];
    for (const name of names) {
      const condition = expression[name];
      if (condition) conditions.push(condition as Condition);
    }
    if (expression.and) conditions.push(combine.allOf(expression.and.map(conditionOf)));
    if (expression.or) conditions.push(combine.anyOf(expression.or.map(conditionOf)));
    if (expression.not) conditions.push(combine.not(conditionOf(expression.not)));
    return combine.allOf(conditions);
  };
  return conditionOf;
}

/** Conditions and nesting of one search. */
export const SEARCH_NODES_MAX = 200;
export const SEARCH_DEPTH_MAX = 8;

/**
 * What is too much about a body before anything recurses into it: a hostile one nests thousands deep.
 *
 * @returns the reason, or null.
 */
function expressionExcess(body: unknown): string | null {
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

/** A body whose `filter` is looked at as a whole first. */
export function searchBody<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((body, context) => {
    const filter = typeof body === 'object' && body !== null && 'filter' in body ? body.filter : undefined;
    const excess = expressionExcess(filter);
    if (excess === null) return body;
    context.addIssue({ code: 'custom', path: ['filter'], message: excess });
    return z.NEVER;
  }, schema);
}
