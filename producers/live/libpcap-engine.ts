/**
 * The engine libpcap: the system's libpcap, called from a child of our own. Kernel timestamps and drop counters, and
 * packets that the kernel hands over in blocks, at most 50 ms after they came.
 */
import { messageOf } from '../../runtime/process/failure.js';
import { childScript } from './child-script.js';
import { type EngineDefinition, readDropCount } from './engine.js';
import { type Libpcap, loadLibpcap } from './libpcap.js';

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

const LINKTYPE_ETHERNET = 1;
const SNAP_LENGTH = 262_144;
const PROGRAM_BYTES = 16; // struct bpf_program
const NETMASK_UNKNOWN = 0xffffffff;

/** libpcap's reason to refuse a filter expression; null when it takes it, or cannot be called. */
export function filterRefusal(expression: string): string | null {
  let pcap: Libpcap;
  try {
    pcap = loadLibpcap();
  } catch {
    return null;
  }
  const handle = pcap.openDead(LINKTYPE_ETHERNET, SNAP_LENGTH);
  if (handle === null) return null;
  try {
    const program = Buffer.alloc(PROGRAM_BYTES);
    if (pcap.compile(handle, program, expression, 1, NETMASK_UNKNOWN) < 0) return pcap.errorText(handle);
    pcap.freeProgram(program);
    return null;
  } finally {
    pcap.close(handle);
  }
}
