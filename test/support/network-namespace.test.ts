import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createNamespacePair, requireNamespaces } from './network-namespace.js';

const connect = (address: string): string =>
  `require('node:net').connect(9000, '${address}').on('data', (d) => { process.stdout.write(d); process.exit(); })`;
const serve = `require('node:net').createServer((s) => s.end('hello')).listen(9000, () => console.log('ready'))`;

test('joins two hosts that reach each other, and only each other, and removes them', async (context) => {
  requireNamespaces(context);
  const pair = createNamespacePair();
  try {
    const server = pair.right.spawn(process.execPath, ['-e', serve], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(server.stdout!, 'data');
    for (const address of [pair.right.ipv4, pair.right.ipv6].filter((text) => text !== '')) {
      expect(pair.left.run(process.execPath, ['-e', connect(address)], 10_000)).toMatchObject({
        exitCode: 0,
        stdout: 'hello',
      });
    }
    expect(pair.left.run('ip', ['-4', 'route']).stdout).toBe(
      `10.77.0.0/24 dev eth0 proto kernel scope link src 10.77.0.1 \n`,
    );
    pair.remove();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    expect(server.signalCode).toBe('SIGKILL');
  } finally {
    pair.remove();
  }
  expect(existsSync(join('/var/run/netns', pair.left.name))).toBe(false);
  expect(existsSync(join('/var/run/netns', pair.right.name))).toBe(false);
});

test('reports the exit code of a command and ends it at its time limit', (context) => {
  requireNamespaces(context);
  const pair = createNamespacePair();
  try {
    expect(pair.left.run('sh', ['-c', 'echo no >&2; exit 3'])).toEqual({ exitCode: 3, stdout: '', stderr: 'no\n' });
    expect(pair.left.run('sleep', ['30'], 100).exitCode).toBeNull();
  } finally {
    pair.remove();
  }
});
