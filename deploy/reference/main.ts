/** Writes the tables of README.md anew: `npm run reference`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../runtime/process/project.js';
import { fillSections } from './reference.js';
import { referenceSections } from './sections.js';

const file = join(projectRoot, 'README.md');
writeFileSync(file, fillSections(readFileSync(file, 'utf8'), await referenceSections()));
process.exit();
