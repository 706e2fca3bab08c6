/** The directions of imports that keep the stages apart: they meet at topics, never in each other's code. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../runtime/process/project.js';

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  runtime: ['schemas'],
  producers: ['runtime', 'schemas'],
  processors: ['runtime', 'schemas'],
  sinks: ['runtime', 'schemas'],
  api: ['runtime', 'schemas'],
  deploy: ['runtime', 'schemas', 'producers', 'processors', 'sinks', 'api'],
};

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The relative imports of a file, static and dynamic, as paths from the project's root. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    relative(projectRoot, resolve(dirname(file), match[1]!)),
  );
}

describe('import directions', () => {
  for (const [folder, allowed] of Object.entries(ALLOWED)) {
    it(`${folder}/ imports only ${[folder, ...allowed].join(', ')}`, () => {
      const sources = sourcesBelow(join(projectRoot, folder));
      expect(sources.length).toBeGreaterThan(0);
      const strays = sources.flatMap((file) =>
        importsOf(file)
          .filter((target) => ![folder, ...allowed].includes(target.split('/')[0]!))
          .map((target) => `${relative(projectRoot, file)} imports ${target}`),
      );
      expect(strays).toEqual([]);
    });
  }

  it('nothing imports a main.ts', () => {
    const strays = [...Object.keys(ALLOWED), 'test'].flatMap((folder) =>
      sourcesBelow(join(projectRoot, folder)).filter((file) =>
        importsOf(file).some((target) => /(^|\/)main\.js$/.test(target)),
      ),
    );
    expect(strays).toEqual([]);
  });

  it('the top level holds the agreed folders', () => {
    const folders = readdirSync(projectRoot, { withFileTypes: true })
      .filter(
        (entry) =>
          entry.isDirectory() &&
          !entry.name.startsWith('.') &&
          !['node_modules', 'dist', 'coverage'].includes(entry.name),
      )
      .map((entry) => entry.name);
    expect(folders.sort()).toEqual(['api', 'deploy', 'processors', 'producers', 'runtime', 'schemas', 'sinks', 'test']);
  });
});
