// @ts-check
/**
 * `npm run dev [-- arguments of nta]`: compiles and runs `nta run`, and again whenever a source has changed. What does not
 * compile is shown and the last version that did goes on. Ctrl-C ends both.
 */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const WATCHED = ['schemas', 'runtime', 'producers', 'processors', 'sinks', 'api', 'deploy', 'tsconfig.json'];
const EXTENSIONS = ['.ts', '.tsx', '.sql', '.avsc', '.css', '.html', '.json'];
/** An editor that saves many files is one change, milliseconds. */
const GATHERING_MS = 300;

const args = process.argv.slice(2);
const command = args.length > 0 && !args[0]?.startsWith('-') ? args : ['run', ...args];

/** @type {import('node:child_process').ChildProcess | undefined} */
let child;
let ending = false;

/** @returns {boolean} whether it compiles */
function prepare() {
  return spawnSync(process.execPath, [join(root, 'deploy', 'nta.js'), '--prepare'], { stdio: 'inherit' }).status === 0;
}

function start() {
  child = spawn(
    process.execPath,
    ['--enable-source-maps', join(root, 'dist', 'deploy', 'nta', 'main.js'), ...command],
    {
      stdio: 'inherit',
    },
  );
  const own = child;
  own.once('exit', (code, signal) => {
    if (child !== own) return;
    child = undefined;
    if (ending) process.exit(code ?? 1);
    process.stderr.write(`dev: nta ended with ${signal ?? `code ${code}`}; waiting for a change\n`);
  });
}

async function stop() {
  const own = child;
  child = undefined;
  if (own === undefined) return;
  const exited = new Promise((resolve) => own.once('exit', resolve));
  own.kill('SIGINT');
  await exited;
}

let busy = Promise.resolve();

/** @param {string} path of the file that was saved last */
function onChange(path) {
  busy = busy.then(async () => {
    process.stderr.write(`dev: ${path} has changed\n`);
    if (!prepare()) return;
    await stop();
    start();
  });
}

const compiles = prepare();
// Only now is there a package to watch with.
const { watch } = await import('chokidar');
/** @type {NodeJS.Timeout | undefined} */
let timer;
watch(
  WATCHED.map((name) => join(root, name)),
  { ignoreInitial: true },
).on('all', (_event, path) => {
  if (!EXTENSIONS.includes(extname(path))) return;
  clearTimeout(timer);
  timer = setTimeout(onChange, GATHERING_MS, path);
});
// A terminal sends Ctrl-C to the child as well, which stops in order; this process waits for its end.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    if (ending || child === undefined) process.exit(0);
    ending = true;
    if (signal === 'SIGTERM') child.kill('SIGTERM');
  });
}
if (compiles) start();
