/** Point-to-Point Protocol, RFC 1661, with or without the HDLC framing of RFC 1662. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16 } from './bytes.js';
import { decodeCiscoHdlc } from './cisco-hdlc.js';
import { type Dissection, truncated } from './dissection.js';
import {
  decodeEtherType,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_UPSTREAM,
} from './ethertype.js';

const ADDRESS_ALL_STATIONS = 0xff;
const CONTROL_UNNUMBERED = 0x03;
const FRAMING_LENGTH = 2;
/** Addresses of Cisco's HDLC, which some captures mix with PPP. */
const ADDRESS_CISCO_UNICAST = 0x0f;
const ADDRESS_CISCO_MULTICAST = 0x8f;

const PROTOCOL_LENGTH = 2;
const PROTOCOL_IPV4 = 0x0021;
const PROTOCOL_IPV6 = 0x0057;
const PROTOCOL_MPLS = 0x0281;
const PROTOCOL_MPLS_UPSTREAM = 0x0283;

const TRUNCATED = decodeFailureCode('ppp_truncated');

/** A frame of a PPP link: address and control come first unless they were negotiated away. */
export function decodePppLink(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < FRAMING_LENGTH) return truncated(dissection, offset + FRAMING_LENGTH + PROTOCOL_LENGTH, TRUNCATED);
  const address = buffer[offset]!;
  if (address === ADDRESS_CISCO_UNICAST || address === ADDRESS_CISCO_MULTICAST) {
    return decodeCiscoHdlc(dissection, offset, end);
  }
  const framed = address === ADDRESS_ALL_STATIONS && buffer[offset + 1] === CONTROL_UNNUMBERED;
  return decodePpp(dissection, framed ? offset + FRAMING_LENGTH : offset, end);
}

/** From the protocol field on, as PPPoE and PPTP carry it. */
export function decodePpp(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end === offset) return truncated(dissection, offset + PROTOCOL_LENGTH, TRUNCATED);
  // Protocol field compression leaves one byte, which is odd; the first of two is even (RFC 1661 section 2).
  const compressed = (buffer[offset]! & 1) !== 0;
  const payload = offset + (compressed ? 1 : PROTOCOL_LENGTH);
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  switch (compressed ? buffer[offset]! : uint16(buffer, offset)) {
    case PROTOCOL_IPV4:
      return decodeEtherType(dissection, payload, end, ETHERTYPE_IPV4);
    case PROTOCOL_IPV6:
      return decodeEtherType(dissection, payload, end, ETHERTYPE_IPV6);
    case PROTOCOL_MPLS:
      return decodeEtherType(dissection, payload, end, ETHERTYPE_MPLS);
    case PROTOCOL_MPLS_UPSTREAM:
      return decodeEtherType(dissection, payload, end, ETHERTYPE_MPLS_UPSTREAM);
    default:
      return 0; // link control, authentication, compressed or encrypted payload
  }
}
