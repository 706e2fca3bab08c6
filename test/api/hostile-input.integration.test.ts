/**
 * Every call of the OpenAPI document with values that nobody expects: each answer is one that the document names, of the type
 * that it names, and none is a defect of the server.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { TOKEN } from './api-settings.js';
import { insertAlerts, insertPackets, rebuildRollups } from './sample-data.js';

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
}
interface Schema {
  readonly $ref?: string;
  readonly example?: unknown;
  readonly properties?: Record<string, Schema>;
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}

const TEXTS = [
  '',
  ' ',
  '0',
  '-1',
  '1e309',
  '9223372036854775808',
  '99999999999999999999999',
  '1,2,3',
  ',',
  'null',
  'true',
  "' OR 1=1 --",
  '"; DROP TABLE alerts; --',
  '\u0000',
  '\ud800',
  '\u202e',
  '%',
  '\\',
  '(((((',
  '../../etc/passwd',
  '0000-01-01',
  '9999-12-31T23:59:59.999999Z',
  '0.0.0.0/0',
  '::/0',
  '::ffff:0:0/96',
  'W10',
  'WyJUIiwiYSJd',
  'x'.repeat(5_000),
];
const VALUES: readonly unknown[] = [
  ...TEXTS,
  null,
  true,
  -1,
  1.5,
  1e308,
  [],
  [[]],
  [null],
  {},
  { a: 1 },
  Array.from({ length: 300 }, () => 'x'),
];

/** Half a surrogate pair has no place in a URL. */
const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, '\ufffd');

/** Every third value, others for each place, so that all are tried somewhere and none costs too much. */
function some<T>(values: readonly T[], place: number): T[] {
  return values.filter((_, index) => (index + place) % 3 === 0);
}

let api: ApiFixture;
let document: Document;
beforeAll(async () => {
  api = await createApiFixture();
  document = await api.get<Document>('/api/openapi.json');
  await insertPackets(api.pool, [{ time: '2026-03-01T12:00:00Z', source: '192.0.2.7', destination: '198.51.100.1' }]);
  await rebuildRollups(api.pool);
  await insertAlerts(api.pool, [{ id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z' }]);
});
afterAll(() => api?.remove());

const schemaOf = (schema: Schema): Schema =>
  schema.$ref ? document.components.schemas[schema.$ref.split('/').at(-1)!]! : schema;

async function check(name: string, operation: Operation, path: string, init: RequestInit): Promise<void> {
  const response = await api.request(path, {
    ...init,
    headers: { authorization: `Bearer ${TOKEN}`, ...(init.headers as Record<string, string>) },
  });
  const text = await response.text();
  const what = `${name} ${path.slice(0, 200)} ${String(init.body ?? '').slice(0, 200)}: ${response.status} ${text.slice(0, 300)}`;
  expect(response.status, what).toBeLessThan(500);
  // A path whose id has a slash in it is another path.
  if (response.status === 404 || response.status === 405) return;
  expect(Object.keys(operation.responses), what).toContain(String(response.status));
  const documented = Object.keys(operation.responses[String(response.status)]!.content ?? {});
  const type = response.headers.get('content-type')?.split(';')[0];
  if (documented.length > 0) expect(documented, what).toContain(type);
}

test('in the query, one parameter after the other', async () => {
  // A list and its downloads have the same fields.
  const tried = new Set<string>();
  for (const [path, methods] of Object.entries(document.paths)) {
    const operation = methods['get'];
    // A stream has no end to wait for.
    if (operation === undefined || path.endsWith('/stream')) continue;
    const url = path.replace('{id}', 'a');
    for (const { name, in: place } of operation.parameters ?? []) {
      const key = `${path.split('.')[0]} ${name}`;
      if (place !== 'query' || tried.has(key)) continue;
      tried.add(key);
      for (const text of some(TEXTS, tried.size)) {
        const value = encodeURIComponent(wellFormed(text));
        await check(`GET ${path}`, operation, `${url}?${name}=${value}`, { method: 'GET' });
      }
      await check(`GET ${path}`, operation, `${url}?${name}=1&${name}=2`, { method: 'GET' });
    }
    await check(`GET ${path}`, operation, `${url}?%ff=%fe&a[]=1&__proto__=1&constructor=1`, { method: 'GET' });
  }
});

test('in the path', async () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    if (!path.includes('{id}')) continue;
    for (const [method, operation] of Object.entries(methods)) {
      for (const text of TEXTS.filter((value) => value.trim() !== '')) {
        const url = path.replace('{id}', encodeURIComponent(wellFormed(text)));
        await check(method, operation, url, { method: method.toUpperCase() });
      }
    }
  }
});

test('in the body, one member after the other', async () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const body = operation.requestBody?.content['application/json'];
      if (body === undefined || path === '/api/session') continue;
      const url = path.replace('{id}', 'a');
      const init = { method: method.toUpperCase(), headers: { 'content-type': 'application/json' } };
      const members = [...Object.keys(schemaOf(body.schema).properties ?? {}), '__proto__', 'constructor', 'x'];
      for (const value of VALUES) await check(path, operation, url, { ...init, body: JSON.stringify(value) });
      for (const [index, member] of members.entries()) {
        for (const value of some(VALUES, index)) {
          await check(path, operation, url, { ...init, body: `{${JSON.stringify(member)}:${JSON.stringify(value)}}` });
        }
      }
    }
  }
});
