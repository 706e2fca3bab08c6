/**
 * The engine cap: the optional npm addon, for machines without tcpdump. It has no kernel timestamps (packets carry the
 * time at which the child saw them) and no drop counters, and is always promiscuous. It opens interfaces with a snap
 * length of 64 KiB, which on `any`, where libpcap knows no MTU, each packet takes of the kernel's buffer: 512 packets in
 * the default 32 MiB, and beyond that loss that nobody counts.
 */
import { createRequire } from 'node:module';
import { childScript } from './child-script.js';
import type { EngineDefinition } from './engine.js';

export const capEngine: EngineDefinition = {
  name: 'cap',
  command: (options) => ({ file: process.execPath, args: [childScript('cap-child.js'), JSON.stringify(options)] }),
  readStatistics: () => null,
  // SIGUSR1 would start Node's inspector.
  hasBegun: () => false,
};

/** Why the addon cannot be used, or null: it is compiled at installation, which needs libpcap's headers. */
export function capUnavailable(): string | null {
  try {
    createRequire(import.meta.url)('cap');
    return null;
  } catch {
    return 'the npm addon cap is not compiled: install libpcap’s headers (apt install libpcap-dev) and run npm rebuild cap';
  }
}
