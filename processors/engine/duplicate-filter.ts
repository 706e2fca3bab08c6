/**
 * Leaves out a packet that another capture node has already shown: two taps on one path see everything twice. What makes
 * two packets the same, schemas/packets/packet-identity.ts says; what cannot be told from the next one of its conversation
 * counts each time, and so does what the same node shows again, which is a retransmission.
 *
 * The memory is fixed: sets of four entries, the oldest of a set giving way. Where that happens within the window, a
 * repeat is counted twice rather than a packet left out.
 */
import { type Observation, observationIdentity } from '../../schemas/observations/observation.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { hasIdentity, packetIdentity } from '../../schemas/packets/packet-identity.js';

const WAYS = 4;
const SETS = 65_536;
/** Tells the scopes of observations from those of packets. */
const OBSERVED = 2 ** 31;

export class DuplicateFilter {
  private readonly identities = new Float64Array(SETS * WAYS);
  private readonly times = new Float64Array(SETS * WAYS).fill(Number.NEGATIVE_INFINITY);
  private readonly nodes = new Uint16Array(SETS * WAYS);
  private readonly scopes = new Uint32Array(SETS * WAYS);

  constructor(private readonly windowMicros: number) {}

  get bytes(): number {
    return SETS * WAYS * (8 + 8 + 2 + 4);
  }

  /**
   * Whether another node showed the packet within the window; otherwise the packet is remembered.
   *
   * @param scope packets of another are never the same: live traffic, or one time that a capture is replayed.
   */
  repeats(block: PacketBlock, row: number, scope: number, node: number): boolean {
    return hasIdentity(block, row) && this.sees(packetIdentity(block, row), block.timestamp[row]!, scope, node);
  }

  /** The same of what was observed; of two equal ones by one node, too, the second is no copy. */
  repeatsObservation(observation: Observation, scope: number, node: number): boolean {
    return this.sees(observationIdentity(observation), observation.time, OBSERVED + scope, node);
  }

  private sees(identity: number, time: number, scope: number, node: number): boolean {
    const start = (identity % SETS) * WAYS;
    let oldest = start;
    for (let entry = start; entry < start + WAYS; entry++) {
      if (
        this.identities[entry] === identity &&
        this.scopes[entry] === scope &&
        Math.abs(time - this.times[entry]!) <= this.windowMicros
      ) {
        if (this.nodes[entry] !== node) return true;
        oldest = entry;
        break;
      }
      if (this.times[entry]! < this.times[oldest]!) oldest = entry;
    }
    this.identities[oldest] = identity;
    this.scopes[oldest] = scope;
    this.times[oldest] = time;
    this.nodes[oldest] = node;
    return false;
  }
}
