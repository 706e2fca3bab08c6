/** Which engine captures: the one asked for, or the best that is there and may. */
import { Failure } from '../../runtime/process/failure.js';
import { capEngine, capUnavailable } from './cap-engine.js';
import type { EngineDefinition } from './engine.js';
import { mayOpenPacketSockets } from './interfaces.js';
import { libpcapEngine, libpcapUnavailable } from './libpcap-engine.js';
import { tcpdumpEngine, tcpdumpVersion } from './tcpdump-engine.js';

const ENGINES_BY_NAME = { libpcap: libpcapEngine, tcpdump: tcpdumpEngine, cap: capEngine } as const;

/** @throws Failure `CAPTURE_ENGINE` when there is none. */
export async function chooseEngine(wanted: 'auto' | EngineDefinition['name']): Promise<EngineDefinition> {
  if (wanted !== 'auto') {
    const reason = await unavailable(wanted);
    if (reason === null) return ENGINES_BY_NAME[wanted];
    throw new Failure('CAPTURE_ENGINE', `--engine ${wanted}: ${reason}`);
  }
  const reasons: string[] = [];
  // Where tcpdump alone has the right to capture, libpcap in a child of ours has not; it has been tried on Linux only.
  const order =
    process.platform === 'linux' && (await mayOpenPacketSockets())
      ? (['libpcap', 'tcpdump', 'cap'] as const)
      : (['tcpdump', 'libpcap', 'cap'] as const);
  for (const name of order) {
    const reason = await unavailable(name);
    if (reason === null) return ENGINES_BY_NAME[name];
    reasons.push(reason);
  }
  throw new Failure('CAPTURE_ENGINE', `nothing captures here: ${reasons.join('; ')}`);
}

async function unavailable(name: EngineDefinition['name']): Promise<string | null> {
  if (name === 'libpcap') return libpcapUnavailable();
  if (name === 'cap') return capUnavailable();
  return (await tcpdumpVersion()) === null ? 'tcpdump is not installed: install it (apt install tcpdump)' : null;
}
