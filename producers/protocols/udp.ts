/** User Datagram Protocol, RFC 768. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_PORTS } from '../../schemas/packets/packet-block.js';
import { decodeUdpApplication } from './application.js';
import { uint16 } from './bytes.js';
import { type Dissection, notePayload, truncated } from './dissection.js';
import { decodeUdpTunnel, tunnelPort } from './udp-tunnels.js';

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const PORTS_END = 4;
const LENGTH = 4;
const HEADER_LENGTH = 8;

const TRUNCATED = decodeFailureCode('udp_truncated');
const WRONG_LENGTH = decodeFailureCode('udp_length');

export function decodeUdp(dissection: Dissection, offset: number, packetEnd: number): number {
  const { block, row, buffer } = dissection;
  if (packetEnd - offset < PORTS_END) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  const sourcePort = uint16(buffer, offset + SOURCE_PORT);
  const destinationPort = uint16(buffer, offset + DESTINATION_PORT);
  block.sourcePort[row] = sourcePort;
  block.destinationPort[row] = destinationPort;
  block.present[row]! |= HAS_PORTS;
  if (packetEnd - offset < HEADER_LENGTH) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  const length = uint16(buffer, offset + LENGTH);
  let end = packetEnd;
  // 0 is a jumbo datagram (RFC 2675) or one that offload will cut. More than the packet holds is a first fragment.
  if (length !== 0) {
    if (length < HEADER_LENGTH) return WRONG_LENGTH;
    const wireEnd = offset + length;
    if (wireEnd < dissection.wireEnd) dissection.wireEnd = wireEnd;
    if (wireEnd < end) end = wireEnd;
  }
  const payload = offset + HEADER_LENGTH;
  notePayload(dissection, buffer, payload, end);
  const port = tunnelPort(sourcePort, destinationPort);
  if (port !== 0) return decodeUdpTunnel(dissection, payload, end, port);
  if (payload < end && dissection.application) decodeUdpApplication(block, row, buffer, payload, end);
  return 0;
}
