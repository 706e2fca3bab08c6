/**
 * Which application a payload belongs to, told by port or first bytes. These looks never fail: a payload that is not
 * what it seemed, or that was cut, gives the fields that could be read, or nothing at all.
 */
import type { PacketBlock } from '../../schemas/packet-block.js';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, peekDhcp } from './dhcp.js';
import { addExtra } from './dissection.js';
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
  let application = null;
  if (first === TLS_HANDSHAKE) application = peekTlsClientHello(buffer, offset, end);
  else if (first >= 0x41 && first <= 0x5a) application = peekHttp(buffer, offset, end); // methods are in capitals
  if (application === null && (block.destinationPort[row] === DNS_PORT || block.sourcePort[row] === DNS_PORT)) {
    application = peekDnsOverTcp(buffer, offset, end);
  }
  if (application !== null) addExtra(block, row, { application });
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
  let application = null;
  if (isDnsPort(destination) || isDnsPort(source)) application = peekDns(buffer, offset, end);
  else if (destination === DHCP_SERVER_PORT || destination === DHCP_CLIENT_PORT) {
    application = peekDhcp(buffer, offset, end);
  }
  if (application !== null) addExtra(block, row, { application });
}

function isDnsPort(port: number): boolean {
  return port === DNS_PORT || port === MDNS_PORT || port === LLMNR_PORT;
}
