/** Which engine captures: the one asked for, or the first that is there. */
import { Failure } from '../../runtime/failure.js';
import type { EngineDefinition } from './engine.js';
import { tcpdumpEngine, tcpdumpVersion } from './tcpdump-engine.js';

/** @throws Failure `CAPTURE_ENGINE` when there is none. */
export async function chooseEngine(_wanted: 'auto' | 'tcpdump' | 'cap'): Promise<EngineDefinition> {
  if ((await tcpdumpVersion()) !== null) return tcpdumpEngine;
  throw new Failure('CAPTURE_ENGINE', 'tcpdump is not installed: install it (apt install tcpdump)');
}
