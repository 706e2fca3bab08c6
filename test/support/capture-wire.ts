/**
 * A wire into a network namespace: what a tool sends in the namespace arrives on an interface of ours and nowhere else,
 * for our end has no address. For capture processes that have to reach Kafka on 127.0.0.1 and so cannot live in a
 * namespace themselves.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { findTool } from './requirement.js';

export interface CaptureWire {
  /** Our end. */
  readonly interface: string;
  /** Plays a capture file into the far end; resolves when all of it is sent. */
  replay(file: string, options: { readonly packetsPerSecond: number; readonly loops?: number }): Promise<void>;
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
    spawnSync(findTool('ip')!, ['link', 'delete', name]);
    process.off('exit', remove);
  };
  process.once('exit', remove);
  try {
    ip('netns', 'add', name);
    ip('link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    // Neither end says anything by itself: no neighbour discovery, no router solicitation.
    for (const [end, run] of [
      [name, []],
      ['eth0', ['netns', 'exec', name]],
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
    ip('-n', name, 'link', 'set', 'eth0', 'up');
  } catch (error) {
    remove();
    throw error;
  }
  return {
    interface: name,
    replay: (file, { packetsPerSecond, loops = 1 }) =>
      new Promise((resolve, reject) => {
        const child = spawn(
          findTool('ip')!,
          [
            'netns',
            'exec',
            name,
            'tcpreplay',
            '-q',
            '-K',
            '-i',
            'eth0',
            `--pps=${packetsPerSecond}`,
            `--loop=${loops}`,
            file,
          ],
          { stdio: ['ignore', 'pipe', 'pipe'] },
        );
        let output = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
        child.once('error', reject);
        child.once('close', (code) =>
          code === 0 ? resolve() : reject(new Error(`tcpreplay ended with code ${code}: ${output}`)),
        );
      }),
    set: (state) => ip('link', 'set', name, state),
    remove,
  };
}

function ip(...args: readonly string[]): void {
  execFileSync(findTool('ip')!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
