/**
 * A wire into a network namespace: what a tool sends in the namespace arrives on an interface of ours and nowhere else,
 * for our end has no address. For capture processes that have to reach Kafka on 127.0.0.1 and so cannot live in a
 * namespace themselves.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { findTool } from './requirement.js';

/** The name of the far end in its namespace. */
export const FAR_END = 'eth0';

export interface CaptureWire {
  /** Our end. */
  readonly interface: string;
  /** Runs a program in the namespace, where the far end is `FAR_END`; resolves when it has ended well. */
  run(tool: string, args: readonly string[]): Promise<void>;
  /** Plays a capture file into the far end; resolves when all of it is sent. */
  replay(file: string, options: { readonly packetsPerSecond: number; readonly loops?: number }): Promise<void>;
  /** Makes our end a port of a bridge that listens to everything, as a host of containers has one. */
  bridge(): void;
  /** Takes our end down or up. */
  set(state: 'up' | 'down'): void;
  /** May be called twice. */
  remove(): void;
}

/** Root and iproute2 are for the caller to require (requireNamespaces). */
export function createCaptureWire(): CaptureWire {
  const name = `nta${randomBytes(4).toString('hex')}`;
  const remove = (): void => {
    spawnSync(findTool('ip')!, ['netns', 'delete', name]);
    for (const link of [name, `${name}b`]) spawnSync(findTool('ip')!, ['link', 'delete', link]);
    process.off('exit', remove);
  };
  process.once('exit', remove);
  try {
    ip('netns', 'add', name);
    ip('link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', FAR_END, 'netns', name);
    // Neither end says anything by itself: no neighbour discovery, no router solicitation.
    for (const [end, run] of [
      [name, []],
      [FAR_END, ['netns', 'exec', name]],
    ] as const) {
      execFileSync(
        findTool('ip')!,
        [...run, ...(run.length > 0 ? ['ip'] : []), 'link', 'set', end, 'addrgenmode', 'none'],
        {
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      );
    }
    ip('link', 'set', name, 'up');
    ip('-n', name, 'link', 'set', FAR_END, 'up');
  } catch (error) {
    remove();
    throw error;
  }
  const run = (tool: string, args: readonly string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = spawn(findTool('ip')!, ['netns', 'exec', name, tool, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
      child.once('error', reject);
      child.once('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`${tool} ended with code ${code}: ${output}`)),
      );
    });
  return {
    interface: name,
    run,
    replay: (file, { packetsPerSecond, loops = 1 }) =>
      run('tcpreplay', ['-q', '-K', '-i', FAR_END, `--pps=${packetsPerSecond}`, `--loop=${loops}`, file]),
    bridge: () => {
      const bridge = `${name}b`;
      ip('link', 'add', 'name', bridge, 'type', 'bridge', 'mcast_snooping', '0');
      ip('link', 'set', bridge, 'addrgenmode', 'none');
      ip('link', 'set', bridge, 'up', 'promisc', 'on');
      ip('link', 'set', name, 'master', bridge);
    },
    set: (state) => ip('link', 'set', name, state),
    remove,
  };
}

function ip(...args: readonly string[]): void {
  execFileSync(findTool('ip')!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
