import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeFolder } from '../../../runtime/process/folder.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-folder-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('makes what is missing, with its mode, and leaves what is there', () => {
  const path = join(folder, 'a', 'b', 'c');
  makeFolder(path, 0o700);
  makeFolder(path, 0o711);
  for (const made of ['a', 'a/b', 'a/b/c']) expect(statSync(join(folder, made)).mode & 0o777).toBe(0o700);
});

it('fails where nothing can be made', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(() => makeFolder(file)).toThrow('EEXIST');
  expect(() => makeFolder(join(file, 'below'))).toThrow('ENOTDIR');
  // Here Node's own way of making folders does not come back.
  expect(() => makeFolder('/proc/nta/below')).toThrow('ENOENT');
});
