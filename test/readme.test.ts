/** What the README files say of the code is so: their tables, and what they name exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillSections } from '../deploy/reference/reference.js';
import { referenceSections } from '../deploy/reference/sections.js';
import { projectRoot } from '../runtime/process/project.js';

const LINES_MAX = 200;

const FOLDERS = ['api', 'deploy', 'processors', 'producers', 'runtime', 'schemas', 'sinks', 'test'];
const DOCUMENTS = ['', ...FOLDERS].flatMap((folder) => {
  const names = readdirSync(join(projectRoot, folder), { recursive: folder !== '', encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
});
const textOf = (document: string): string => readFileSync(join(projectRoot, document), 'utf8');

describe('README files', () => {
  it('have the tables that `npm run reference` makes', async () => {
    for (const [document, sections] of Object.entries(await referenceSections())) {
      expect(textOf(document), document).toBe(fillSections(textOf(document), sections));
    }
  });

  it(`the first has at most ${LINES_MAX} lines`, () => {
    expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(LINES_MAX);
  });
});

describe.each(DOCUMENTS)('%s', (document) => {
  const text = textOf(document);

  it('names only files that exist', () => {
    const named = [
      ...text.matchAll(/`((?:api|deploy|processors|producers|runtime|schemas|sinks|test)\/[A-Za-z0-9_./-]+)`/g),
    ].map((match) => match[1]!);
    expect(named.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
  });

  it('links only to files that exist', () => {
    const linked = [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1]!);
    const folder = dirname(join(projectRoot, document));
    expect(linked.filter((path) => !existsSync(resolve(folder, path)))).toEqual([]);
  });

  it('gives only npm scripts that package.json has', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    for (const [, name] of text.matchAll(/npm run ([a-z:]+)/g)) expect(scripts).toHaveProperty(name!);
  });
});
