/**
 * The shape of the house: directions of imports that keep the stages apart (they meet at topics and tables, never in each other's
 * code), no circles, files that can be read in one go. How long a function may be is said in biome.json.
 */
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

const LINES_MAX = 400;
/** Files that may be longer, each with the reason. */
const LONGER: Readonly<Record<string, string>> = {};

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The relative imports of a file, static and dynamic, as paths from the project's root. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    relative(projectRoot, resolve(dirname(file), match[1]!)),
  );
}

/** Files that reach each other, by Tarjan's strongly connected components. */
function circlesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    open.push(file);
    for (const target of imports.get(file) ?? []) {
      if (!order.has(target)) visit(target);
      if (open.includes(target)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = open.splice(open.indexOf(file));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return circles;
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

  it('no file imports itself through others, types included', () => {
    const imports = new Map(
      Object.keys(ALLOWED)
        .flatMap((folder) => sourcesBelow(join(projectRoot, folder)))
        .map((file) => [
          relative(projectRoot, file).replace(/\.tsx?$/, ''),
          importsOf(file).map((target) => target.replace(/\.js$/, '')),
        ]),
    );
    expect(circlesOf(imports)).toEqual([]);
  });

  it(`no file has more than ${LINES_MAX} lines`, () => {
    const longer = Object.keys(ALLOWED)
      .flatMap((folder) => sourcesBelow(join(projectRoot, folder)))
      .map((file) => [relative(projectRoot, file), readFileSync(file, 'utf8').split('\n').length - 1] as const)
      .filter(([file, lines]) => lines > LINES_MAX && !(file in LONGER));
    expect(longer).toEqual([]);
  });

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
