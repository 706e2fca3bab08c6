/**
 * The engine libpcap: the system's libpcap, called from a child of our own. Kernel timestamps and drop counters, and
 * packets that the kernel hands over in blocks, at most 50 ms after they came.
 */
import { messageOf } from '../../runtime/failure.js';
import { childScript } from './child-script.js';
import { type EngineDefinition, readDropCount } from './engine.js';
import { loadLibpcap } from './libpcap.js';

export const libpcapEngine: EngineDefinition = {
  name: 'libpcap',
  command: (options) => ({ file: process.execPath, args: [childScript('libpcap-child.js'), JSON.stringify(options)] }),
  readStatistics: readDropCount,
  // It tells its counters by itself; SIGUSR1 would start Node's inspector.
  hasBegun: () => false,
};

/** Why libpcap cannot be called, or null. */
export function libpcapUnavailable(): string | null {
  try {
    loadLibpcap();
    return null;
  } catch (error) {
    return `libpcap cannot be called (${messageOf(error).split('\n')[0]}): install it (apt install libpcap0.8) and the npm addon koffi (npm ci)`;
  }
}
