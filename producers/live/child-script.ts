/** Where the engines' own child processes are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../../runtime/process/project.js';

/** The compiled script `name` of this folder; sources (tests) run it, too, for it is a process of its own. */
export function childScript(name: string): string {
  const beside = fileURLToPath(new URL(`./${name}`, import.meta.url));
  return existsSync(beside) ? beside : join(projectRoot, 'dist', 'producers', 'live', name);
}
