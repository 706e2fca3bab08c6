import { expect, test } from 'vitest';
import { clientOf, FailedTokens } from '../../../api/http/failed-tokens.js';
import { isLoopbackHost } from '../../../runtime/process/loopback.js';

test('failed tokens of a million addresses cost bounded memory', () => {
  const failed = new FailedTokens();
  for (let i = 0; i < 50_000; i++) failed.add(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 'Bearer x', 0);
  expect(failed.size).toBe(10_000);
});

test('the wait ends a minute after the first of the wrong tokens', () => {
  const failed = new FailedTokens();
  for (let i = 0; i < 10; i++) failed.add('192.0.2.1', `Bearer ${i}`, 1000 * i);
  expect(failed.secondsToWait('192.0.2.1', 9000)).toBe(51);
  expect(failed.secondsToWait('192.0.2.1', 60_000)).toBe(0);
  expect(failed.secondsToWait('192.0.2.2', 9000)).toBe(0);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
  // Short forms leave groups of zeros out, also those that tell the /64.
  ['2001:db8::5:6:7:8', '2001:db8::'],
  ['2001:db8::9:6:7:8', '2001:db8::'],
  ['2001:db8::1', '2001:db8::'],
  ['fe80::1%eth0', 'fe80::'],
  ['', ''],
])('the client of "%s" is "%s"', (address, client) => {
  expect(clientOf(address)).toBe(client);
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['localhost', true],
  ['::1', true],
  ['[::1]', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.evil.example.org', false],
  ['localhost.example.org', false],
  ['', false],
])('isLoopbackHost("%s") is %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});
