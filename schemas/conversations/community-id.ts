/**
 * Community ID 1.0 (github.com/corelight/community-id-spec): the same name for a flow in Zeek, Suricata, Elastic and here,
 * to look it up in one after finding it in another.
 */
import { hash } from 'node:crypto';

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const SCTP = 132;

/** The type that answers a type of ICMP: the two take the place of ports. Others are of one direction. */
const ICMP_ANSWERS = new Map<number, number>([
  [0, 8],
  [8, 0],
  [9, 10],
  [10, 9],
  [13, 14],
  [14, 13],
  [15, 16],
  [16, 15],
  [17, 18],
  [18, 17],
]);
const ICMPV6_ANSWERS = new Map<number, number>([
  [128, 129],
  [129, 128],
  [130, 131],
  [131, 130],
  [133, 134],
  [134, 133],
  [135, 136],
  [136, 135],
  [139, 140],
  [140, 139],
  [144, 145],
  [145, 144],
]);

const SEED_LENGTH = 2;
const LENGTH_MAX = SEED_LENGTH + 16 + 16 + 2 + 4;
const bytes = Buffer.alloc(LENGTH_MAX);

/**
 * @param source 4 or 16 bytes, as `destination`
 * @param sourcePort of TCP, UDP and SCTP; of ICMP and ICMPv6 the type; of others anything
 * @param destinationPort of ICMP and ICMPv6 the code
 */
export function communityId(
  protocol: number,
  source: Uint8Array,
  destination: Uint8Array,
  sourcePort: number,
  destinationPort: number,
): string {
  const answers = protocol === ICMP ? ICMP_ANSWERS : protocol === ICMPV6 ? ICMPV6_ANSWERS : null;
  const hasPorts = protocol === TCP || protocol === UDP || protocol === SCTP || answers !== null;
  const answer = answers?.get(sourcePort);
  const isOneWay = answers !== null && answer === undefined;
  const toPort = answer ?? destinationPort;
  const order = isOneWay ? -1 : Buffer.compare(source, destination) || (hasPorts ? sourcePort - toPort : 0);
  let at = SEED_LENGTH; // the seed is 0
  bytes.set(order <= 0 ? source : destination, at);
  at += source.length;
  bytes.set(order <= 0 ? destination : source, at);
  at += destination.length;
  bytes[at] = protocol;
  bytes[at + 1] = 0;
  at += 2;
  if (hasPorts) {
    bytes.writeUInt16BE(order <= 0 ? sourcePort : toPort, at);
    bytes.writeUInt16BE(order <= 0 ? toPort : sourcePort, at + 2);
    at += 4;
  }
  return `1:${hash('sha1', bytes.subarray(0, at), 'base64')}`;
}
