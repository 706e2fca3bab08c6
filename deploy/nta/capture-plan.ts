/** What `nta run` captures: what the flags name, else the default route's interface, else the demonstration. */

import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { listInterfaces } from '../../producers/live/interfaces.js';
import { checkPacketFilter } from '../../producers/live/tcpdump-engine.js';
import { checkFiles } from '../../producers/replay.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { projectRoot } from '../../runtime/process/project.js';
import type { RunSettings } from './run-settings.js';

/** A bundled capture: ordinary traffic and one attack of each kind. */
export const DEMONSTRATION = join(projectRoot, 'deploy', 'demonstration', 'demonstration.pcap');

export interface CapturePlan {
  /** Settings that differ from those given. */
  readonly settings: Partial<RunSettings>;
  readonly description: string;
  /** A line to print first, when the plan is not what was asked for. */
  readonly notice: string | null;
  readonly finite: boolean;
}

/** @throws Failure for what cannot be captured: nothing has been started for it yet. */
export async function planCapture(settings: RunSettings): Promise<CapturePlan> {
  await checkPacketFilter(settings.packetFilter);
  if (settings.read.length > 0) {
    if (settings.interface.length > 0)
      throw new Failure('CONFIGURATION', '--interface and --read exclude each other: capture live or replay files');
    await Promise.all(settings.read.filter((file) => file !== '-').map(checkReadable));
    await checkFiles(settings.read, settings.packetFilter);
    // As in `nta analyze` each file counts by itself, unless the user names what they have in common.
    const isolateFiles = settings.isolateFiles || settings.timeline === '';
    return {
      settings: { isolateFiles },
      description: `replaying ${settings.read.join(', ')}`,
      notice: null,
      finite: true,
    };
  }
  const interfaces = await listInterfaces();
  if (settings.interface.length > 0) {
    const known = interfaces.map((item) => item.name);
    const unknown = settings.interface.filter((name) => !known.includes(name));
    if (unknown.length > 0) {
      throw new Failure(
        'NO_INTERFACE',
        `--interface ${unknown.join(', ')}: this machine has no such interface; it has ${known.join(', ')}`,
      );
    }
    return { settings: {}, description: `live on ${settings.interface.join(', ')}`, notice: null, finite: false };
  }
  const chosen = interfaces.find((item) => item.defaultRoute) ?? interfaces.find((item) => item.name === 'any');
  if (chosen?.capture.allowed) {
    return {
      settings: { interface: [chosen.name] },
      description: `live on ${chosen.name}`,
      notice: null,
      finite: false,
    };
  }
  const reason =
    chosen?.capture.allowed === false
      ? `${chosen.name}: ${chosen.capture.reason}`
      : 'there is no interface to capture on';
  return {
    settings: { read: [DEMONSTRATION], pace: true, rebaseTime: true, isolateFiles: true },
    description: 'replaying the demonstration capture at its own speed',
    notice: `no live capture (${reason}); the bundled demonstration capture is replayed instead`,
    finite: true,
  };
}

/** Refuses a file before servers are brought up for it. */
async function checkReadable(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new Failure('UNREADABLE_CAPTURE', `--read ${file}: ${reason}; name a capture file that this user may read`, {
      cause: error,
    });
  }
}
