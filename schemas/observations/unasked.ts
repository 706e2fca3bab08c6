/**
 * Observations of answers that nobody asked for, made of the rows of what hosts received: whoever watches their sender, or the
 * network that they go to, may be in another place than the receiver's.
 */
import { formatAddressSlot } from '../address.js';
import { ADDRESS_SLOT_BYTES, type ReceivedBlock } from '../conversations/conversation-block.js';
import type { Observation } from './observation.js';
import type { ObservationBudget } from './observation-budget.js';

const TCP = 6;
const ICMP = 1;
const NO_SENDERS: readonly string[] = [];

/**
 * What a row says to others than its host.
 *
 * @param origin index of the row's origin, as observations have it
 */
export function unaskedObservations(
  block: ReceivedBlock,
  row: number,
  origin: number,
  budget: ObservationBudget,
): readonly Observation[] {
  if (block.unasked[row] === 0) return [];
  const slots = block.sources[row]!;
  const senders: string[] = [];
  for (let at = 0; at < slots.length; at += ADDRESS_SLOT_BYTES) senders.push(formatAddressSlot(slots, at));
  const ipProtocol = block.ipProtocol[row]!;
  const shared = {
    kind: 'unasked',
    row: 0,
    origin,
    time: block.last[row]!,
    vlan: 0,
    mac: 0,
    destination: formatAddressSlot(block.target, row * ADDRESS_SLOT_BYTES),
    ipProtocol,
    port: block.port[row]!,
    packets: block.unasked[row]!,
    bytes: block.unaskedBytes[row]!,
  } as const;
  const said: Observation[] = [{ ...shared, source: '', senders }];
  // Of datagrams the sender is a server that was lied to, and learns nothing from it.
  if (ipProtocol === TCP || ipProtocol === ICMP) {
    for (const source of senders) said.push({ ...shared, source, senders: NO_SENDERS });
  }
  return said.filter((observation) => budget.allows(observation));
}
