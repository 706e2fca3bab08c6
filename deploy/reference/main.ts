/** Writes the tables of the README files that are made from the code: `npm run reference`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../runtime/process/project.js';
import { fillSections } from './reference.js';
import { referenceSections } from './sections.js';

for (const [name, sections] of Object.entries(await referenceSections())) {
  const file = join(projectRoot, name);
  writeFileSync(file, fillSections(readFileSync(file, 'utf8'), sections));
}
process.exit();
