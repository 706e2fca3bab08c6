/**
 * VLAN tags, IEEE Std 802.1Q clause 9: C-TAG, S-TAG (QinQ, 802.1ad) and the older tag types, and those that a node is told of. The columns hold the ids of
 * the two outermost tags; further ones are passed over. Tags that other headers part from those before (the I-TAG of a
 * backbone) are a customer's, as the addresses are, and take their place.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16 } from './bytes.js';
import { type Dissection, ETHERTYPE_VLAN, truncated } from './dissection.js';
import { decodeEtherType } from './ethertype.js';

const CONTROL = 0; // priority, drop eligible, 12 bits VID
const ETHER_TYPE = 2;
const TAG_LENGTH = 4;
const VLAN_ID_MASK = 0x0fff;
/** Two are usual, three exist; a stack of more than this is garbage. */
const TAGS_MAX = 8;

const TRUNCATED = decodeFailureCode('vlan_truncated');
const TOO_DEEP = decodeFailureCode('vlan_too_deep');

export function decodeVlan(dissection: Dissection, firstTag: number, end: number): number {
  const { block, row, buffer } = dissection;
  let offset = firstTag;
  for (let tags = 0; tags < TAGS_MAX; tags++) {
    const payload = offset + TAG_LENGTH;
    if (end < payload) return truncated(dissection, payload, TRUNCATED);
    const id = uint16(buffer, offset + CONTROL) & VLAN_ID_MASK;
    if (tags === 0) {
      block.vlan[row] = id;
      block.innerVlan[row] = 0;
    } else if (tags === 1) block.innerVlan[row] = id;
    const etherType = uint16(buffer, offset + ETHER_TYPE);
    if (!isVlanTag(dissection, etherType)) return decodeEtherType(dissection, payload, end, etherType);
    block.etherType[row] = etherType;
    offset = payload;
  }
  return TOO_DEEP;
}

function isVlanTag({ etherTypes: { indexes } }: Dissection, etherType: number): boolean {
  return indexes[etherType] === indexes[ETHERTYPE_VLAN];
}
