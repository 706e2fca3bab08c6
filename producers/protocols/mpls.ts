/** MPLS label stacks, RFC 3032, and what is below the last label (RFC 4928: told from its first four bits). */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEthernet } from './ethernet.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.js';

const BOTTOM_OF_STACK = 2; // byte of a label whose lowest bit says that it is the last
const LABEL_LENGTH = 4;
/** The control word of a pseudowire that carries Ethernet, RFC 4448 section 4.6. */
const CONTROL_WORD_LENGTH = 4;

const TRUNCATED = decodeFailureCode('mpls_truncated');

export function decodeMpls(dissection: Dissection, firstLabel: number, end: number): number {
  const { buffer } = dissection;
  let offset = firstLabel;
  for (;;) {
    const next = offset + LABEL_LENGTH;
    if (end < next) return truncated(dissection, next, TRUNCATED);
    const last = (buffer[offset + BOTTOM_OF_STACK]! & 1) !== 0;
    offset = next;
    if (last) break;
  }
  if (offset === end) return truncated(dissection, offset + 1, TRUNCATED);
  switch (buffer[offset]! >> 4) {
    case 4:
      return decodeEtherType(dissection, offset, end, ETHERTYPE_IPV4);
    case 6:
      return decodeEtherType(dissection, offset, end, ETHERTYPE_IPV6);
    case 0:
      return decodeEthernet(dissection, offset + CONTROL_WORD_LENGTH, end);
    default:
      return 0; // a pseudowire without a control word: nothing says what it carries
  }
}
