/** Decoding one frame for a test, between bytes that it must not look at. */

import { type PacketDocument, packetDocument } from '../../../producers/decoding/decode-report.js';
import { type DecodeOptions, Dissection, decodeFrame } from '../../../producers/decoding/decoder.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';

const MARGIN = 64;
const TIMESTAMP = 1_700_000_000_000_000;

export interface Decoding extends Pick<DecodeOptions, 'tunnels' | 'vlanTpids'> {
  readonly linkType: number;
  /** Length on the wire; the length of the bytes by default. */
  readonly frameLength?: number;
  /** What stands before and behind the frame in the buffer; 0 by default. */
  readonly surroundings?: number;
}

/** Used again for every frame: their typed arrays cost more than the decoding. */
const block = new PacketBlock(1);
const dissections = { outer: new Dissection({ tunnels: 'outer' }), inner: new Dissection({ tunnels: 'inner' }) };

export function decode(bytes: Uint8Array, decoding: Decoding): PacketDocument {
  const buffer = Buffer.alloc(bytes.length + 2 * MARGIN, decoding.surroundings ?? 0);
  buffer.set(bytes, MARGIN);
  block.reset();
  const { linkType, frameLength = bytes.length, tunnels = 'outer' } = decoding;
  const origin = block.originIndex({
    captureNode: 'test',
    interface: 'test',
    linkType,
    timeline: '',
    sampling: 'none',
    samplingRate: 1,
  });
  const { vlanTpids } = decoding;
  const dissection = vlanTpids === undefined ? dissections[tunnels] : new Dissection({ tunnels, vlanTpids });
  const row = decodeFrame(block, linkType, buffer, MARGIN, bytes.length, frameLength, TIMESTAMP, origin, dissection);
  if (row !== 0 || block.count !== 1 || block.ipv6Count > 2) throw new Error('not exactly one row');
  return packetDocument(block, row, 1);
}
