import type { PacketDocument } from '../../../producers/decoding/decode-report.js';

/** A frame that decoder tests and the fuzzer start from, with what it must decode to. */
export interface Sample {
  readonly name: string;
  /** The file of producers/protocols (without .ts) that the frame is about. */
  readonly decoder: string;
  readonly linkType: number;
  readonly bytes: Buffer;
  readonly expected: Partial<PacketDocument>;
}
