#!/usr/bin/env node
/**
 * The `nta` command on any clone: checks Node, installs the npm packages when they are missing or out of date, compiles
 * and builds the dashboard when a source is newer than its build, then runs `dist/deploy/nta/main.js` in this process.
 *
 * Plain JavaScript without dependencies, because it runs before either exists. An installed package carries neither
 * lockfile nor sources, and then this only imports the build.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = ['schemas', 'runtime', 'producers', 'processors', 'sinks', 'api', 'deploy', 'test'];
const DASHBOARD = join(root, 'api', 'dashboard');
const MINIMUM_NODE = [20, 19];

/** Ends the process with one line. */
function fail(message) {
  process.stderr.write(`nta: ${message}\n`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1])) {
    fail(
      `Node.js ${process.versions.node} is too old: ${MINIMUM_NODE.join('.')} or later is needed; install it from https://nodejs.org or with your system's packages`,
    );
  }
}

/** Runs a command with its output on standard error, so that standard output stays the command's result. */
function run(command, args, what) {
  process.stderr.write(`nta: ${what} …\n`);
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.error) fail(`${what} failed: ${result.error.message}`);
  if (result.status !== 0)
    fail(
      `${what} failed: \`${[command, ...args].join(' ')}\` in ${root} ended with code ${result.status ?? result.signal}`,
    );
}

/** The lockfile that node_modules was installed from is kept beside it: a changed lockfile installs again. */
function installPackages() {
  const lockfile = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.installed-package-lock.json');
  if (!existsSync(lockfile)) return;
  const wanted = readFileSync(lockfile, 'utf8');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return;
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'installing npm packages');
  writeFileSync(installed, wanted);
}

/** The time of the newest file below a folder whose path is wanted, milliseconds. */
function newestSource(folder, isWanted) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!isWanted(path, entry)) continue;
    newest = Math.max(newest, entry.isDirectory() ? newestSource(path, isWanted) : statSync(path).mtimeMs);
  }
  return newest;
}

/** Runs one of the packages' programs unless its stamp says that it has seen sources of this time. */
function build(name, newest, args, what) {
  const stamp = join(root, 'dist', name);
  if (existsSync(stamp) && Number(readFileSync(stamp, 'utf8')) === newest) return;
  rmSync(stamp, { force: true });
  run(process.execPath, args, what);
  writeFileSync(stamp, String(newest));
}

function compile() {
  const configuration = join(root, 'tsconfig.json');
  if (!existsSync(configuration)) return;
  const isCompiled = (path, entry) => (entry.isDirectory() ? path !== DASHBOARD : path.endsWith('.ts'));
  const folders = SOURCES.map((name) => join(root, name)).filter(existsSync);
  const newest = Math.max(
    statSync(configuration).mtimeMs,
    ...folders.map((folder) => newestSource(folder, isCompiled)),
  );
  build('.built', newest, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', configuration], 'compiling');
}

/** Its pages take words of the schemas with them. */
function buildDashboard() {
  const configuration = join(DASHBOARD, 'vite.config.ts');
  if (!existsSync(configuration)) return;
  const newest = Math.max(
    newestSource(DASHBOARD, () => true),
    newestSource(join(root, 'schemas'), (path, entry) => entry.isDirectory() || path.endsWith('.ts')),
  );
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  build('.dashboard-built', newest, [vite, 'build', '--config', configuration], 'building the dashboard');
}

checkNode();
installPackages();
compile();
buildDashboard();

// `--prepare` only makes ready what the other npm scripts need.
if (process.argv[2] !== '--prepare') {
  await import(pathToFileURL(join(root, 'dist', 'deploy', 'nta', 'main.js')).href);
}
