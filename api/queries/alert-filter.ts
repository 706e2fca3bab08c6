/** The filter of alerts: the table of fields as parameters of a query string. */
import { z } from '@hono/zod-openapi';
import {
  ALERT_FIELDS,
  ALERT_FILTER_NAMES,
  type AlertFilterName,
  parseAlertField,
} from '../../schemas/tables/alert-fields.js';
import { fieldValues, Refusal } from '../../schemas/tables/field-values.js';
import type { Condition } from '../../schemas/tables/sql-values.js';

/** Parsed fields; a field that was not given is absent. */
export type AlertFilter = { readonly [Name in AlertFilterName]?: Condition | undefined };

type QueryShape = Record<AlertFilterName, z.ZodType<Condition | undefined, string | undefined>>;

const NAMES = Object.keys(ALERT_FILTER_NAMES) as AlertFilterName[];

function describe(name: AlertFilterName): string {
  const meant = ALERT_FILTER_NAMES[name];
  return meant === name ? ALERT_FIELDS[meant].description : `Another name of ${meant}.`;
}

/** The fields as parameters of a query string. */
export const alertQueryShape = Object.fromEntries(
  NAMES.map((name) => [
    name,
    z
      .string('is given twice; separate values by commas')
      .transform((text, context): Condition => {
        try {
          return parseAlertField(ALERT_FILTER_NAMES[name], fieldValues(text));
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          context.addIssue({ code: 'custom', message: error.message });
          return z.NEVER;
        }
      })
      .optional()
      .openapi({
        param: { description: describe(name) },
        type: 'string',
        example: ALERT_FIELDS[ALERT_FILTER_NAMES[name]].example,
      }),
  ]),
) as unknown as QueryShape;

/** What alerts of a filter meet, but for fields that are left out. */
export function alertConditions(filter: AlertFilter, without: readonly AlertFilterName[] = []): Condition[] {
  return NAMES.flatMap((name) => {
    const condition = filter[name];
    return condition === undefined || without.includes(name) ? [] : [condition];
  });
}
