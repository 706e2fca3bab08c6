// @ts-check
/**
 * Runs one child process and makes sure that it does not outlive the process that asked for it.
 *
 * Standard input is a pipe from that process. When it closes, for whatever reason (a stop, a crash, kill -9), the
 * child is stopped by the plan's signals in order, each with its time, and at last by SIGKILL to its process group. The
 * guardian runs in a session of its own, so neither Ctrl-C nor a kill of the asker's process group reaches it. Should
 * the guardian itself be killed, Linux kills the child (parent-death signal, where util-linux `setpriv` can set it).
 *
 * Plain JavaScript, because it is started as it stands: from a build, from the sources and from tests alike.
 *
 * argv[2]: the plan as JSON, see GuardianPlan in guarded-process.ts.
 * File descriptor 3 takes the reports, JSON lines: {"pid"}, then {"code","signal"}; or {"error"} when it cannot start.
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';

const REPORT_DESCRIPTOR = 3;

/** @type {import('./guarded-process.js').GuardianPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}');

const [command, args] = withParentDeathSignal(plan.command, plan.args);
const child = spawn(command, args, {
  cwd: plan.workingDirectory,
  detached: true,
  stdio: ['ignore', 'inherit', 'inherit'],
  ...(plan.account ? { uid: plan.account.uid, gid: plan.account.gid } : {}),
});

let stopping = false;

child.on('error', (error) => {
  report({ error: error.message });
  process.exit(1);
});
child.on('exit', (code, signal) => {
  signalGroup('SIGKILL');
  report({ code, signal });
  process.exit(0);
});
if (child.pid !== undefined) report({ pid: child.pid });

process.stdin.on('data', () => undefined);
process.stdin.on('close', stop);
process.stdin.on('error', stop);
for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, stop);

function stop() {
  if (stopping) return;
  stopping = true;
  let wait = 0;
  for (const step of plan.stopSequence) {
    setTimeout(() => signalChild(step.signal), wait);
    wait += step.waitMs;
  }
  setTimeout(() => signalGroup('SIGKILL'), wait);
}

/** @param {NodeJS.Signals} signal */
function signalChild(signal) {
  child.kill(signal);
  // A paused process acts on the signal only once it goes on.
  child.kill('SIGCONT');
}

/** @param {NodeJS.Signals} signal */
function signalGroup(signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}

/** @param {object} line */
function report(line) {
  try {
    writeSync(REPORT_DESCRIPTOR, `${JSON.stringify(line)}\n`);
  } catch {
    // Whoever asked is gone; the child is stopped all the same.
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {[string, string[]]}
 */
function withParentDeathSignal(command, args) {
  if (process.platform !== 'linux') return [command, [...args]];
  const prefix = ['--pdeathsig', 'KILL', '--'];
  const probe = spawnSync('setpriv', [...prefix, 'true'], { stdio: 'ignore' });
  return probe.status === 0 ? ['setpriv', [...prefix, command, ...args]] : [command, [...args]];
}
