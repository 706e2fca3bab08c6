/** The jsonb of a packet: what few packets carry. Its shape is documented on the column packets.details. */
import { formatAddressBytes } from '../schemas/address.js';
import type { PacketExtra } from '../schemas/packet-block.js';

/** JSON text, or the empty string when there is nothing to say. */
export function packetDetails(extra: PacketExtra): string {
  const { arp, neighborDiscovery, application, tunnel } = extra;
  const details: Record<string, Record<string, string | number>> = {};
  if (arp !== null) {
    details['arp'] = {
      sender_mac: formatAddressBytes(arp.senderMac),
      target_mac: formatAddressBytes(arp.targetMac),
    };
  }
  if (neighborDiscovery !== null) {
    details['neighbor_discovery'] = present({
      target: formatAddressBytes(neighborDiscovery.target),
      link_layer_address: formatAddressBytes(neighborDiscovery.linkLayerAddress) || null,
    });
  }
  if (application !== null) {
    switch (application.protocol) {
      case 'dns':
        details['dns'] = present({ query: application.dnsQuery, type: application.dnsType });
        break;
      case 'tls':
        details['tls'] = present({ server_name: application.tlsServerName });
        break;
      case 'http':
        details['http'] = present({ host: application.httpHost });
        break;
      case 'dhcp':
        details['dhcp'] = present({ message_type: application.dhcpMessageType, hostname: application.dhcpHostname });
        break;
    }
  }
  if (tunnel !== null) {
    details['tunnel'] = present({
      type: tunnel.type,
      layer: tunnel.layer,
      id: tunnel.id,
      source: formatAddressBytes(tunnel.source) || null,
      destination: formatAddressBytes(tunnel.destination) || null,
      ip_protocol: tunnel.ipProtocol,
      source_port: tunnel.sourcePort,
      destination_port: tunnel.destinationPort,
    });
  }
  return Object.keys(details).length === 0 ? '' : storableJson(details);
}

function present(fields: Readonly<Record<string, string | number | null>>): Record<string, string | number> {
  const kept: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== null) kept[name] = value;
  return kept;
}

/**
 * jsonb takes every string but U+0000 and half surrogate pairs, and the wire can carry both: they become U+FFFD, so that
 * a name with a zero byte in it does not cost the packet its row.
 */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!text.includes('\\u')) return text;
  return text.replace(/(\\\\)|\\u(?:0000|d[89a-f][0-9a-f]{2})/g, (match, backslash) => (backslash ? match : '\ufffd'));
}
