import { gunzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { compression } from '../../../api/http/compression.js';

const LONG = JSON.stringify(Array.from({ length: 500 }, (_, index) => ({ index, name: 'a name' })));
const app = new Hono();
app.use('*', compression);
app.get('/long', (c) =>
  c.body(LONG, 200, { 'content-type': 'application/json', etag: '"a"', 'content-length': String(LONG.length) }),
);
app.get('/short', (c) => c.json({ short: true }, 404));
app.get('/events', (c) => c.body(LONG, 200, { 'content-type': 'text/event-stream' }));
app.get('/nothing', (c) => c.body(null, 304, { etag: '"a"' }));
const ask = (path: string, encoding = 'gzip', method = 'GET') =>
  app.request(path, { method, headers: { 'accept-encoding': encoding } });

test('a long text is compressed, its tag weakened, its length its own', async () => {
  const answer = await ask('/long');
  expect(answer.headers.get('content-encoding')).toBe('gzip');
  expect(answer.headers.get('etag')).toBe('W/"a"');
  expect(answer.headers.get('vary')).toBe('accept-encoding');
  expect(answer.headers.get('content-length')).toBeNull();
  expect(gunzipSync(Buffer.from(await answer.arrayBuffer())).toString()).toBe(LONG);
});

test.each(['br', 'identity', 'gzip;q=0', ''])('not for who accepts "%s"', async (encoding) => {
  const answer = await ask('/long', encoding);
  expect(answer.headers.get('content-encoding')).toBeNull();
  expect(await answer.text()).toBe(LONG);
});

test('what is short, empty or a stream stays as it is', async () => {
  const short = await ask('/short');
  expect([short.status, short.headers.get('content-encoding'), await short.json()]).toEqual([
    404,
    null,
    { short: true },
  ]);
  expect((await ask('/events')).headers.get('content-encoding')).toBeNull();
  expect((await ask('/nothing')).status).toBe(304);
});
