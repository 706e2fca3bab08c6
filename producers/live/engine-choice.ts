/** Which engine captures: the one asked for, or the first that is there. */
import { Failure } from '../../runtime/failure.js';
import { capEngine, capUnavailable } from './cap-engine.js';
import type { EngineDefinition } from './engine.js';
import { tcpdumpEngine, tcpdumpVersion } from './tcpdump-engine.js';

/** @throws Failure `CAPTURE_ENGINE` when there is none. */
export async function chooseEngine(wanted: 'auto' | 'tcpdump' | 'cap'): Promise<EngineDefinition> {
  if (wanted !== 'cap' && (await tcpdumpVersion()) !== null) return tcpdumpEngine;
  const missing = wanted === 'tcpdump' ? null : capUnavailable();
  if (wanted !== 'tcpdump' && missing === null) return capEngine;
  const tcpdump = 'tcpdump is not installed: install it (apt install tcpdump)';
  if (wanted === 'tcpdump') throw new Failure('CAPTURE_ENGINE', `--engine tcpdump: ${tcpdump}`);
  if (wanted === 'cap') throw new Failure('CAPTURE_ENGINE', `--engine cap: ${missing}`);
  throw new Failure('CAPTURE_ENGINE', `nothing captures here: ${tcpdump}, and ${missing}`);
}
