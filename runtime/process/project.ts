/** Where the project's own files are, whether the code runs from the sources (tests) or from `dist/`. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function nearestPackage(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json above ${start}`);
  }
}

/** The folder of package.json; files that the compiler does not copy (SQL, dashboard, captures) are resolved from it. */
export const projectRoot: string = nearestPackage(dirname(fileURLToPath(import.meta.url)));

/** The version in package.json. */
export const projectVersion: string = (
  JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }
).version;
