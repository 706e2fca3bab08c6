/** What the benches that capture live need of the machine. */
import { canUseNamespaces } from '../support/network-namespace.js';
import { NotHere } from './bench.js';
import { findTool } from './yardsticks.js';

/** Packets a second for tcpreplay: more than a veth pair carries, so as fast as it goes. */
export const FULL_SPEED = 10_000_000;

/** @throws NotHere when namespaces, tcpreplay or tcpdump are missing. */
export function requireWire(): void {
  const namespaces = canUseNamespaces();
  if (!namespaces.usable) throw new NotHere(namespaces.reason);
  for (const tool of ['tcpreplay', 'tcpdump']) {
    if (findTool(tool) === undefined) throw new NotHere(`not installed: ${tool}`);
  }
}
