/** What every route shares: its dependencies, its documented errors, and validation errors as problem details. */
import { OpenAPIHono, z } from '@hono/zod-openapi';
import type pg from 'pg';
import type { AlertFeed } from '../alert-feed.js';
import type { Enricher } from '../enrichment/enricher.js';
import type { ExceptionPublisher } from '../exception-publisher.js';
import { reasonOf } from '../http/issue-words.js';
import { ApiProblem, type InputError, invalidInput, PROBLEM_MEDIA_TYPE, problemSchema } from '../http/problem.js';
import type { ApiBindings } from '../http/request.js';
import { idSchema } from '../http/text-schemas.js';

export interface RouteDependencies {
  readonly pool: pg.Pool;
  readonly feed: AlertFeed;
  readonly exceptions: ExceptionPublisher;
  /** What is known of addresses beside traffic. */
  readonly enricher: Enricher;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Most refused inputs that one answer names. */
const ERRORS_MAX = 20;

/** Where in a text something is wrong. */
function placeOf(params: Record<string, unknown> | undefined): Pick<InputError, 'at' | 'length'> {
  const { at, length } = params ?? {};
  return typeof at === 'number' && typeof length === 'number' ? { at, length } : {};
}

function inputErrors(issue: z.core.$ZodIssue, root: readonly string[], input: unknown): InputError[] {
  const path = [...root, ...issue.path.map(String)];
  if (issue.code !== 'unrecognized_keys') {
    const place = issue.code === 'custom' ? placeOf(issue.params) : {};
    return [{ input: path.join('.'), reason: reasonOf(issue, input), ...place }];
  }
  const reasons = issue.message.split('\n');
  return issue.keys.map((key, index) => ({
    input: [...path, key.slice(0, 100)].join('.'),
    reason: reasons[index] ?? 'is unknown',
  }));
}

/** A router whose refused inputs become a 400 that names each of them. */
export function createRouter(): OpenAPIHono<ApiBindings> {
  return new OpenAPIHono<ApiBindings>({
    defaultHook: (result) => {
      if (result.success) return;
      const root = result.target === 'json' ? ['body'] : [];
      const input = 'data' in result ? result.data : undefined;
      throw invalidInput(result.error.issues.flatMap((issue) => inputErrors(issue, root, input)).slice(0, ERRORS_MAX));
    },
  });
}

const problem = (description: string) => ({
  description,
  content: { [PROBLEM_MEDIA_TYPE]: { schema: problemSchema } },
});

/** The errors that any route may answer. */
export const sharedErrors = {
  400: problem('An input is refused; `errors` names each with the reason.'),
  401: problem('The bearer token is missing or wrong.'),
  403: problem('The request comes from another site’s page, or the server takes no writes because it has no token.'),
  421: problem('The Host header is not a name of this server.'),
  429: problem('Too many wrong tokens from this address; `Retry-After` says when to try again.'),
  500: problem('A defect of the server; its log has the details.'),
  503: problem('The database is away, busy, outdated or too slow for this query.'),
};

/** What has an id of text, and a list at `/api/…s`. */
type Listed = 'alert' | 'incident' | 'exception';

export const pathIdOf = (what: Listed) =>
  z.object({
    id: idSchema.openapi({ param: { name: 'id', in: 'path', description: `Id of the ${what}.` } }),
  });

export function noSuch(what: Listed, id: string): ApiProblem {
  return new ApiProblem(
    404,
    `NO_SUCH_${what.toUpperCase()}`,
    `id: there is no ${what} "${id}"; GET /api/${what}s lists them`,
    { errors: [{ input: 'id', reason: `there is no such ${what}` }] },
  );
}

export const notFoundError = { 404: problem('There is no such thing.') };

export const conflictError = { 409: problem('It is not in a state for that.') };

export const bodyErrors = {
  413: problem('The body is too large.'),
  415: problem('The body is not application/json.'),
};

export const jsonContent = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

/** The role that a token needs; `{}` is how OpenAPI says "or nothing", where reads are open. */
export const readSecurity: Record<string, string[]>[] = [{ bearer: ['reader'] }, {}];
export const writeSecurity: Record<string, string[]>[] = [{ bearer: ['analyst'] }];
export const adminSecurity: Record<string, string[]>[] = [{ bearer: ['admin'] }];

export const nextSchema = z
  .string()
  .nullable()
  .openapi({ description: 'Give it as `next` for the page after this one; null on the last page.' });
