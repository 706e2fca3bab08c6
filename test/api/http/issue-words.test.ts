import { z } from '@hono/zod-openapi';
import { expect, test } from 'vitest';
import { reasonOf } from '../../../api/http/issue-words.js';
import { createRouter } from '../../../api/routes/route.js';

const reasonsOf = (schema: z.ZodType, input: unknown): Record<string, string> => {
  const { error } = schema.safeParse(input);
  return Object.fromEntries((error?.issues ?? []).map((issue) => [issue.path.join('.'), reasonOf(issue, input)]));
};

const BODY = z.object({
  note: z.string(),
  kind: z.enum(['source', 'target']),
  rules: z.array(z.string()).min(2),
  count: z.int().max(9),
  name: z.string().min(1),
  hours: z.union([z.number(), z.array(z.string())]),
  inner: z.object({ open: z.boolean() }),
});

test('what is missing is said to be, with what is expected', () => {
  expect(reasonsOf(BODY, { inner: {} })).toEqual({
    note: 'is missing; it must be a text',
    kind: 'is missing; it must be one of source, target',
    rules: 'is missing; it must be a list',
    count: 'is missing; it must be a number',
    name: 'is missing; it must be a text',
    hours: 'is missing; it must be a number or a list',
    'inner.open': 'is missing; it must be true or false',
  });
});

test('what is of another type, too long or too short says what it is and what it must be', () => {
  const given = { note: null, kind: 'host', rules: ['a'], count: 10, name: '', hours: 'x', inner: [] };
  expect(reasonsOf(BODY, given)).toEqual({
    note: 'must be a text, not null',
    kind: 'must be one of source, target',
    rules: 'must be a list of at least 2',
    count: 'must be at most 9',
    name: 'must be at least 1 character long',
    hours: 'must be a number or a list',
    inner: 'must be an object, not a list',
  });
});

test('words that a schema has of its own stay', () => {
  expect(reasonsOf(z.object({ note: z.string('must say why') }), {})).toEqual({ note: 'must say why' });
});

test('a route names the input with the words', async () => {
  const router = createRouter();
  router.onError((error) => new Response(error.message, { status: 400 }));
  router.openapi(
    {
      method: 'post',
      path: '/exceptions',
      request: { body: { required: true, content: { 'application/json': { schema: BODY.pick({ note: true }) } } } },
      responses: { 200: { description: 'made' } },
    },
    (c) => c.text('made'),
  );
  const headers = { 'content-type': 'application/json' };
  const answer = await router.request('/exceptions', { method: 'POST', headers, body: '{}' });
  expect(await answer.text()).toBe('body.note: is missing; it must be a text');
});
