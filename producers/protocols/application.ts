/**
 * Which application a payload belongs to, told by port or first bytes. These looks never fail: a payload that is not
 * what it seemed, or that was cut, gives the fields that could be read, or nothing at all.
 */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, peekDhcp } from './dhcp.js';
import type { Dissection } from './dissection.js';
import { DNS_PORT, LLMNR_PORT, MDNS_PORT, peekDns, peekDnsOverTcp } from './dns.js';
import { peekHttp } from './http.js';
import {
  hasServerName,
  peekTlsClientHello,
  TLS_CHANGE_CIPHER_SPEC,
  TLS_CHANGE_CIPHER_SPEC_LENGTH,
  TLS_HANDSHAKE,
} from './tls.js';

export function decodeTcpApplication(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): void {
  if (dissection.unfinishedHellos.waiting > 0 && continueHello(dissection, block, row, buffer, offset, end)) return;
  const first = buffer[offset]!;
  if (first === TLS_HANDSHAKE) {
    if (peekTlsClientHello(block, row, buffer, offset, end)) {
      const { payloadBuffer, payloadStart, payloadLength } = dissection;
      const isWhole = payloadBuffer === buffer && payloadStart === offset && payloadLength === end - offset;
      if (isWhole) beginHello(dissection, block, row, buffer, offset, end);
      return;
    }
  } else if (first === TLS_CHANGE_CIPHER_SPEC) {
    // A client that was asked for another key share sends this before its second hello (RFC 8446 appendix D.4).
    const second = offset + TLS_CHANGE_CIPHER_SPEC_LENGTH;
    if (hasServerName(buffer, second, end)) peekTlsClientHello(block, row, buffer, second, end);
    return;
  } else if (first >= 0x41 && first <= 0x5a) {
    if (peekHttp(block, row, buffer, offset, end)) return; // methods are in capitals
  }
  if (block.destinationPort[row] === DNS_PORT || block.sourcePort[row] === DNS_PORT) {
    peekDnsOverTcp(block, row, buffer, offset, end);
  }
}

function beginHello(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): void {
  const isNamed = hasServerName(buffer, offset, end);
  dissection.unfinishedHellos.begin(block, row, buffer, offset, end, isNamed);
}

/** Gives the packet that ends a ClientHello what the whole of it says, unless its begin has said the name already. */
function continueHello(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): boolean {
  const hello = dissection.unfinishedHellos.continued(block, row, buffer, offset, end);
  if (hello === null) return false;
  if (hello.finished && dissection.payloadBuffer === buffer && dissection.payloadStart === offset) {
    dissection.payloadBuffer = hello.bytes;
    dissection.payloadStart = 0;
    dissection.payloadEnd = hello.length;
  }
  if (!hello.named && hasServerName(hello.bytes, 0, hello.length)) {
    peekTlsClientHello(block, row, hello.bytes, 0, hello.length);
  }
  return true;
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
