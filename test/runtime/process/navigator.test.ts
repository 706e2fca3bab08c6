import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../runtime/process/project.js';

/** The internal modules that a process of its own has loaded once it has `pg`. */
function modulesBehindPg(first: string): string[] {
  const script = `${first} await import('pg'); console.log(JSON.stringify([globalThis.navigator?.userAgent, ...process.moduleLoadList]));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  return JSON.parse(output) as string[];
}

test('pg does not make Node load its fetch', () => {
  const module = pathToFileURL(join(projectRoot, 'dist', 'runtime', 'process', 'navigator.js')).href;
  const [userAgent, ...modules] = modulesBehindPg(`(await import('${module}')).provideNavigator();`);
  expect(userAgent).toBe(`Node.js/${process.versions.node.split('.')[0]}`);
  expect(modules.filter((name) => name.includes('undici'))).toEqual([]);
});
