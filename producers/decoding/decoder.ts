/**
 * One captured frame to one row of a block.
 *
 * To add a protocol: a file in protocols/, a line in protocol-table.ts (a link: in link.ts), its failures in
 * schemas/packets/decode-failure.ts.
 */
import { ADDRESS_MAC, ADDRESS_NONE, HAS_MACS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { type DecodeOptions, Dissection as ProtocolDissection } from '../protocols/dissection.js';
import { observe } from '../protocols/observation.js';
import { decodeLink, LINKTYPE_ETHERNET } from './link.js';
import { PROTOCOLS } from './protocol-table.js';
import { decodeUsualFrame, NOT_USUAL } from './usual-frame.js';

export type { DecodeOptions } from '../protocols/dissection.js';

/** A dissection with every protocol there is. */
export class Dissection extends ProtocolDissection {
  constructor(options: DecodeOptions = {}) {
    super(options, PROTOCOLS);
  }
}

/**
 * Adds exactly one row for a frame, whatever its bytes, and returns its index. The block has room for it. Reads only
 * `capturedLength` bytes from `offset`, however large the buffer.
 *
 * The source is the IPv4 or IPv6 address, in ARP the sender's protocol address; without any of them the source MAC, and
 * where the link has none, nothing. `failure` tells what could not be decoded; what was read before stays.
 *
 * @param frameLength bytes on the wire, of which `capturedLength` were captured
 * @param timestamp µs since 1970-01-01 UTC
 * @param originIndex what `block.originIndex` gave for the interface
 */
export function decodeFrame(
  block: PacketBlock,
  linkType: number,
  buffer: Uint8Array,
  offset: number,
  capturedLength: number,
  frameLength: number,
  timestamp: number,
  originIndex: number,
  dissection: Dissection,
): number {
  if (linkType === LINKTYPE_ETHERNET) {
    const row = decodeUsualFrame(block, buffer, offset, capturedLength, frameLength, originIndex, dissection);
    if (row !== NOT_USUAL) {
      block.timestamp[row] = timestamp;
      if (dissection.observes) observe(dissection, block, row);
      return row;
    }
  }
  return decodeFrameByLayer(
    block,
    linkType,
    buffer,
    offset,
    capturedLength,
    frameLength,
    timestamp,
    originIndex,
    dissection,
  );
}

/** The same without the short cut for usual frames. */
export function decodeFrameByLayer(
  block: PacketBlock,
  linkType: number,
  buffer: Uint8Array,
  offset: number,
  capturedLength: number,
  frameLength: number,
  timestamp: number,
  originIndex: number,
  dissection: Dissection,
): number {
  const row = block.addRow();
  block.timestamp[row] = timestamp;
  block.origin[row] = originIndex;
  block.frameLength[row] = frameLength;
  block.capturedLength[row] = capturedLength;
  dissection.block = block;
  dissection.row = row;
  dissection.buffer = buffer;
  dissection.wireEnd = offset + Math.max(frameLength, capturedLength);
  dissection.tunnelDepth = 0;
  dissection.linkHeaders = 0;
  dissection.payloadStart = 0;
  dissection.payloadEnd = 0;
  dissection.payloadLength = 0;
  dissection.icmpStart = 0;
  const end = offset + capturedLength;
  block.failure[row] = decodeLink(dissection, offset, end, linkType);
  if (block.sourceKind[row] === ADDRESS_NONE && (block.present[row]! & HAS_MACS) !== 0) {
    block.sourceKind[row] = ADDRESS_MAC;
  }
  if (dissection.observes) observe(dissection, block, row);
  return row;
}
