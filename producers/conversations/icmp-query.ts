/**
 * ICMP queries, whose answers carry the identifier of the question: echo, timestamp and address mask (RFC 792, RFC 950),
 * and echo of ICMPv6 (RFC 4443).
 */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Payloads } from '../decoding/payloads.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../protocols/ip-protocol.js';

export const ICMP_ECHO_REPLY = 0;
export const ICMP_ECHO = 8;
const TIMESTAMP = 13;
const TIMESTAMP_REPLY = 14;
const MASK = 17;
const MASK_REPLY = 18;
const ECHO6 = 128;
const ECHO6_REPLY = 129;

const IDENTIFIER = 4;
const IDENTIFIER_END = 6;

const NO_QUERY = -1;

/** Type of the request and above it nothing, in the upper half, and the identifier in the lower; negative when it is no query. */
export function echoKey(block: PacketBlock, row: number, payloads: Payloads, index: number): number {
  const request = requestType(block.ipProtocol[row]!, block.icmpType[row]!);
  if (request === NO_QUERY) return NO_QUERY;
  const bytes = payloads.bufferOf(index);
  const start = payloads.start[index]!;
  if (payloads.end[index]! - start < IDENTIFIER_END) return NO_QUERY;
  return (request << 16) | (bytes[start + IDENTIFIER]! << 8) | bytes[start + IDENTIFIER + 1]!;
}

/** The type of the question to which a message of this type belongs. */
export function requestType(protocol: number, type: number): number {
  if (protocol === PROTOCOL_ICMP) {
    if (type === ICMP_ECHO || type === ICMP_ECHO_REPLY) return ICMP_ECHO;
    if (type === TIMESTAMP || type === TIMESTAMP_REPLY) return TIMESTAMP;
    return type === MASK || type === MASK_REPLY ? MASK : NO_QUERY;
  }
  if (protocol === PROTOCOL_ICMPV6) return type === ECHO6 || type === ECHO6_REPLY ? ECHO6 : NO_QUERY;
  return NO_QUERY;
}

export function isRequest(type: number): boolean {
  return type === ICMP_ECHO || type === ECHO6 || type === TIMESTAMP || type === MASK;
}
