/**
 * Which application a payload belongs to, told by port or first bytes. These looks never fail: a payload that is not
 * what it seemed, or that was cut, gives the fields that could be read, or nothing at all.
 */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, peekDhcp } from './dhcp.js';
import { DNS_PORT, LLMNR_PORT, MDNS_PORT, peekDns, peekDnsOverTcp } from './dns.js';
import { peekHttp } from './http.js';
import { peekTlsClientHello, TLS_HANDSHAKE } from './tls.js';

export function decodeTcpApplication(
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): void {
  const first = buffer[offset]!;
  if (first === TLS_HANDSHAKE) {
    if (peekTlsClientHello(block, row, buffer, offset, end)) return;
  } else if (first >= 0x41 && first <= 0x5a) {
    if (peekHttp(block, row, buffer, offset, end)) return; // methods are in capitals
  }
  if (block.destinationPort[row] === DNS_PORT || block.sourcePort[row] === DNS_PORT) {
    peekDnsOverTcp(block, row, buffer, offset, end);
  }
}

export function decodeUdpApplication(
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): void {
  const source = block.sourcePort[row]!;
  const destination = block.destinationPort[row]!;
  if (isDnsPort(destination) || isDnsPort(source)) peekDns(block, row, buffer, offset, end);
  else if (destination === DHCP_SERVER_PORT || destination === DHCP_CLIENT_PORT) {
    peekDhcp(block, row, buffer, offset, end);
  }
}

function isDnsPort(port: number): boolean {
  return port === DNS_PORT || port === MDNS_PORT || port === LLMNR_PORT;
}
