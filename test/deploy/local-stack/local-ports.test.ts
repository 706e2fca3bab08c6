import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { choosePort } from '../../../deploy/local-stack/local-ports.js';

test('keeps a port that is free and leaves one that is taken', async () => {
  const port = await choosePort(undefined);
  expect(await choosePort(port)).toBe(port);
  expect(await choosePort(port, [port])).not.toBe(port);
  const server = createServer();
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  try {
    expect(await choosePort(port)).not.toBe(port);
  } finally {
    await new Promise((done) => server.close(done));
  }
});
