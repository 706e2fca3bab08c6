/**
 * Tags that bridges put before a customer's frame: the I-TAG of provider backbone bridges (IEEE Std 802.1Q clause 9.7,
 * "MAC in MAC"), Cisco's FabricPath and VN-Tag and its
 * successor, the E-TAG of bridge port extenders (IEEE Std 802.1BR clause 7.5), Arista's timestamps and the SecTAG of MACsec
 * (IEEE Std 802.1AE clause 9).
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEthernet } from './ethernet.js';
import { decodeEtherType, ETHERTYPE_MIN } from './ethertype.js';

const BACKBONE_TAG_LENGTH = 4; // flags and I-SID; the customer's frame follows
const FABRIC_PATH_TAG_LENGTH = 2; // forwarding tag and time to live; the host's frame follows
const VNTAG_LENGTH = 4;
const EXTENDER_TAG_LENGTH = 6; // priority and ingress, group and port, their upper bits

const ARISTA_SUBTYPE = 0;
const ARISTA_TIMESTAMP = 1;
const ARISTA_FORMAT = 3;
const ARISTA_LENGTH_MASK = 0xf0; // the lower bits vary with the clock
const ARISTA_64_BITS = 0x10;
const ARISTA_48_BITS = 0x20;
const ARISTA_HEADER_LENGTH = 4;
const ETHER_TYPE_LENGTH = 2;

const MACSEC_CONTROL = 0;
const MACSEC_SCI_PRESENT = 0x20;
const MACSEC_ENCRYPTED_OR_CHANGED = 0x0c;
const MACSEC_TAG_LENGTH = 6;
const MACSEC_SCI_LENGTH = 8;

const TRUNCATED = decodeFailureCode('provider_tag_truncated');

/** The addresses of the row become the customer's: they are the ends; the backbone's are bridges. */
export function decodeBackboneTag(dissection: Dissection, offset: number, end: number): number {
  if (end < offset + BACKBONE_TAG_LENGTH) return truncated(dissection, offset + BACKBONE_TAG_LENGTH, TRUNCATED);
  return decodeEthernet(dissection, offset + BACKBONE_TAG_LENGTH, end);
}

export function decodeFabricPath(dissection: Dissection, offset: number, end: number): number {
  const frame = offset + FABRIC_PATH_TAG_LENGTH;
  if (end < frame) return truncated(dissection, frame, TRUNCATED);
  return decodeEthernet(dissection, frame, end);
}

/** A switch's timestamp of 64 or 48 bits; other subtypes are not documented. */
export function decodeAristaTimestamp(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end < offset + ARISTA_HEADER_LENGTH) return truncated(dissection, offset + ARISTA_HEADER_LENGTH, TRUNCATED);
  if (uint16(buffer, offset + ARISTA_SUBTYPE) !== ARISTA_TIMESTAMP) return 0;
  const format = buffer[offset + ARISTA_FORMAT]! & ARISTA_LENGTH_MASK;
  if (format !== ARISTA_64_BITS && format !== ARISTA_48_BITS) return 0;
  const timestampLength = format === ARISTA_64_BITS ? 8 : 6;
  return decodeTagged(dissection, offset + ARISTA_HEADER_LENGTH + timestampLength, end);
}

export function decodeVnTag(dissection: Dissection, offset: number, end: number): number {
  return decodeTagged(dissection, offset + VNTAG_LENGTH, end);
}

export function decodeExtenderTag(dissection: Dissection, offset: number, end: number): number {
  return decodeTagged(dissection, offset + EXTENDER_TAG_LENGTH, end);
}

/**
 * An encrypted payload is known by its MAC; one that is only signed is read like any other. The check value behind it is
 * beyond the lengths that the packets themselves state.
 */
export function decodeMacsec(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end < offset + MACSEC_TAG_LENGTH) return truncated(dissection, offset + MACSEC_TAG_LENGTH, TRUNCATED);
  const control = buffer[offset + MACSEC_CONTROL]!;
  if ((control & MACSEC_ENCRYPTED_OR_CHANGED) !== 0) return 0;
  const tagLength = MACSEC_TAG_LENGTH + ((control & MACSEC_SCI_PRESENT) !== 0 ? MACSEC_SCI_LENGTH : 0);
  return decodeTagged(dissection, offset + tagLength, end);
}

function decodeTagged(dissection: Dissection, typeOffset: number, end: number): number {
  const { buffer } = dissection;
  const payload = typeOffset + ETHER_TYPE_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const etherType = uint16(buffer, typeOffset);
  if (etherType < ETHERTYPE_MIN) return 0;
  return decodeEtherType(dissection, payload, end, etherType);
}
