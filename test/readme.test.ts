/** The README's tables are those of the code, and what it names exists. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillSections } from '../deploy/reference/reference.js';
import { referenceSections } from '../deploy/reference/sections.js';
import { projectRoot } from '../runtime/process/project.js';

const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');

describe('README.md', () => {
  it('has the tables that `npm run reference` makes', async () => {
    expect(readme).toBe(fillSections(readme, await referenceSections()));
  });

  it('names only files that exist', () => {
    const named = [
      ...readme.matchAll(/`((?:api|deploy|processors|producers|runtime|schemas|sinks|test)\/[A-Za-z0-9_./-]+)`/g),
    ].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
  });

  it('gives only npm scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const [, name] of readme.matchAll(/npm run ([a-z:]+)/g)) expect(scripts).toHaveProperty(name!);
  });
});
