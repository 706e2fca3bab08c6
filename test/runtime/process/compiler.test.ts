import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inlineHotPaths } from '../../../runtime/process/compiler.js';
import { projectRoot } from '../../../runtime/process/project.js';

it('sets a flag that this V8 knows', () => {
  const source = readFileSync(join(projectRoot, 'runtime', 'process', 'compiler.ts'), 'utf8');
  const flag = /'(--[a-z-]+)=\d+'/.exec(source)?.[1];
  const { stdout } = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  expect(stdout).toContain(`${flag} `);
  expect(inlineHotPaths).not.toThrow();
});
