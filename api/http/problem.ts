/**
 * Errors as clients see them: problem details for HTTP APIs, RFC 9457. `type` stays "about:blank" (the status says what
 * it is); `code` is the stable name for programs, and `errors` names each input with the reason and the remedy.
 */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { messageOf } from '../../runtime/process/failure.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'about:blank' }),
    title: z.string().openapi({ description: 'The HTTP status in words.', example: 'Bad Request' }),
    status: z.int().openapi({ example: 400 }),
    code: z.string().openapi({ description: 'Stable name for programs.', example: 'INVALID_INPUT' }),
    detail: z.string().openapi({
      description: 'One line: the input, the reason, the remedy.',
      example: 'limit: must be a whole number from 1 to 1000',
    }),
    instance: z.string().openapi({ description: 'Path of the request.', example: '/api/packets' }),
    errors: z
      .array(
        z.object({
          input: z.string().openapi({ description: 'Parameter, header or JSON path.', example: 'limit' }),
          reason: z.string().openapi({ example: 'must be a whole number from 1 to 1000' }),
          at: z.int().optional().openapi({ description: 'Of a search: the character at which it is wrong, from 0.' }),
          length: z.int().optional().openapi({ description: 'How many characters are.' }),
        }),
      )
      .openapi({ description: 'Every refused input; empty when the input is not at fault.' }),
  })
  .openapi('Problem', { description: 'Problem details, RFC 9457.' });

export interface InputError {
  readonly input: string;
  readonly reason: string;
  /** Of a text: where it is wrong, characters from 0, and how many. */
  readonly at?: number;
  readonly length?: number;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Thrown anywhere below a route; answered as problem details. */
export class ApiProblem extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    readonly code: string,
    detail: string,
    readonly details: {
      readonly errors?: readonly InputError[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'ApiProblem';
  }
}

/** A 400 that names every refused input. */
export function invalidInput(errors: readonly InputError[]): ApiProblem {
  const detail = errors.map(({ input, reason }) => (input === '' ? reason : `${input}: ${reason}`)).join('; ');
  return new ApiProblem(400, 'INVALID_INPUT', detail, { errors });
}

export function problemResponse(c: Context, problem: ApiProblem): Response {
  const body: z.infer<typeof problemSchema> = {
    type: 'about:blank',
    title: TITLES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    instance: c.req.path,
    errors: [...(problem.details.errors ?? [])],
  };
  return c.body(JSON.stringify(body), problem.status, {
    ...problem.details.headers,
    'content-type': PROBLEM_MEDIA_TYPE,
  });
}

/** SQLSTATE (PostgreSQL manual, appendix A) and Node error codes that mean the database, not the request, is at fault. */
export function databaseProblem(error: unknown): ApiProblem | null {
  const code = (error as { code?: unknown } | null)?.code;
  const reason = messageOf(error);
  if (code === '57014') {
    return new ApiProblem(
      503,
      'QUERY_TIMEOUT',
      'the query took too long and was cancelled; narrow the time range or the filter, or raise --api-statement-timeout',
      { cause: error },
    );
  }
  if (code === '42P01' || code === '42703') {
    return new ApiProblem(
      503,
      'SCHEMA_OUTDATED',
      `the database lacks a table or column (${reason}); run \`nta setup\``,
      {
        cause: error,
      },
    );
  }
  if (code === '42501') {
    return new ApiProblem(
      503,
      'DATABASE_PERMISSION',
      `the database user may not do this (${reason}); grant it the API's role`,
      {
        cause: error,
      },
    );
  }
  if (code === '25006') {
    return new ApiProblem(
      503,
      'DATABASE_READ_ONLY',
      'the database is a read-only standby; connect the API to the primary',
      {
        cause: error,
      },
    );
  }
  if (isConnectionError(code, reason)) {
    return new ApiProblem(
      503,
      'DATABASE_UNAVAILABLE',
      `Postgres does not answer (${reason}); the API tries again with the next request`,
      {
        cause: error,
        headers: { 'retry-after': '5' },
      },
    );
  }
  return null;
}

function isConnectionError(code: unknown, reason: string): boolean {
  if (typeof code === 'string' && /^(08|57P0|53|28|3D)/.test(code)) return true;
  if (typeof code === 'string' && /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ENOENT|EAI_)/.test(code)) return true;
  // pg reports these without a code.
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
    reason,
  );
}
