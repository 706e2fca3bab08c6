/** Writes what is made from the code and from other files: the tables of the README files, the PrometheusRule. `npm run reference`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../runtime/process/project.js';
import { PROMETHEUS_RULE, prometheusRule } from './prometheus-rule.js';
import { fillSections } from './reference.js';
import { referenceSections } from './sections.js';

for (const [name, sections] of Object.entries(await referenceSections())) {
  const file = join(projectRoot, name);
  writeFileSync(file, fillSections(readFileSync(file, 'utf8'), sections));
}
writeFileSync(join(projectRoot, PROMETHEUS_RULE), prometheusRule());
process.exit();
