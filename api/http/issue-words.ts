/** Why an input is refused, in words: those of a schema where it has its own, otherwise ours in place of the validator's. */
import type { z } from '@hono/zod-openapi';

/** Types as people call them. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  date: 'a time',
  null: 'null',
};
const typeOf = (name: string): string => TYPES[name] ?? name;

/** What a schema that says nothing of its own is given by the validator: `Invalid …`, `Too small: …`, `Too big: …`. */
const ITS_OWN_WORDS = /^(Invalid|Too small|Too big|Unrecognized)\b/;

/** What stands at a path of the input; undefined for nothing. */
function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** "must be …" without its verb. */
function expectedBy(issue: z.core.$ZodIssue): string | null {
  switch (issue.code) {
    case 'invalid_type':
      return typeOf(issue.expected);
    case 'invalid_value': {
      const values = issue.values.map((value) => String(value));
      return values.length === 1 ? values[0]! : `one of ${values.join(', ')}`;
    }
    case 'invalid_format':
      return issue.format === 'regex' ? `a text of the form ${issue.pattern ?? ''}` : `a ${issue.format}`;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', Number(issue.minimum));
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', Number(issue.maximum));
    case 'invalid_union':
      return formsOf(issue);
    default:
      return null;
  }
}

function bound(origin: string, words: string, limit: number): string {
  if (origin === 'string') return `${words} ${limit} character${limit === 1 ? '' : 's'} long`;
  if (origin === 'array' || origin === 'set') return `a list of ${words} ${limit}`;
  return `${words} ${limit}`;
}

/** What each form of a union would take where the input itself is none of them. */
function formsOf({ errors }: z.core.$ZodIssueInvalidUnion): string | null {
  const forms = errors.flatMap((issues) =>
    issues.filter(({ path }) => path.length === 0).flatMap((issue) => expectedBy(issue) ?? []),
  );
  return forms.length === 0 ? null : [...new Set(forms)].join(' or ');
}

/** @param input what was validated, in which the path of the issue leads to what is refused. */
export function reasonOf(issue: z.core.$ZodIssue, input: unknown): string {
  if (!ITS_OWN_WORDS.test(issue.message)) return issue.message;
  const expected = expectedBy(issue);
  if (expected === null) return issue.message;
  const value = valueAt(input, issue.path);
  if (value === undefined) return `is missing; it must be ${expected}`;
  if (issue.code !== 'invalid_type') return `must be ${expected}`;
  return `must be ${expected}, not ${typeOf(value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)}`;
}
