/** The jsonb of a packet: what few packets carry. Its shape is documented on the column packets.details. */
import { formatAddressBytes } from '../../schemas/address.js';
import type { Application } from '../../schemas/packets/application.js';
import type { PacketExtra } from '../../schemas/packets/packet-block.js';

/**
 * JSON text, or the empty string when there is nothing to say. It is put together from texts, in 0.3 µs; objects made for
 * JSON.stringify to read took 1.1.
 */
export function packetDetails({ arp, neighborDiscovery, application, tunnel }: PacketExtra): string {
  let details = '';
  if (arp !== null) {
    let fields = withField('', 'sender_mac', formatAddressBytes(arp.senderMac));
    fields = withField(fields, 'target_mac', formatAddressBytes(arp.targetMac));
    details = withPart(details, 'arp', fields);
  }
  if (neighborDiscovery !== null) {
    const { target, linkLayerAddress } = neighborDiscovery;
    let fields = withField('', 'target', formatAddressBytes(target));
    fields = withField(fields, 'link_layer_address', formatAddressBytes(linkLayerAddress) || null);
    details = withPart(details, 'neighbor_discovery', fields);
  }
  if (application !== null) details = withPart(details, application.protocol, applicationFields(application));
  if (tunnel !== null) {
    let fields = withField('', 'type', tunnel.type);
    fields = withField(fields, 'layer', tunnel.layer);
    fields = withField(fields, 'id', tunnel.id);
    fields = withField(fields, 'source', formatAddressBytes(tunnel.source) || null);
    fields = withField(fields, 'destination', formatAddressBytes(tunnel.destination) || null);
    fields = withField(fields, 'ip_protocol', tunnel.ipProtocol);
    fields = withField(fields, 'source_port', tunnel.sourcePort);
    fields = withField(fields, 'destination_port', tunnel.destinationPort);
    details = withPart(details, 'tunnel', fields);
  }
  return details === '' ? '' : `{${details}}`;
}

function applicationFields(application: Application): string {
  switch (application.protocol) {
    case 'dns':
      return withField(withField('', 'query', application.dnsQuery), 'type', application.dnsType);
    case 'tls':
      return withField('', 'server_name', application.tlsServerName);
    case 'http':
      return withField('', 'host', application.httpHost);
    case 'dhcp':
      return withField(
        withField('', 'message_type', application.dhcpMessageType),
        'hostname',
        application.dhcpHostname,
      );
  }
}

/** The members of an object with one more, unless its value is null. */
function withField(fields: string, name: string, value: string | number | null): string {
  if (value === null) return fields;
  const member = `"${name}":${storableJson(value)}`;
  return fields === '' ? member : `${fields},${member}`;
}

function withPart(parts: string, name: string, fields: string): string {
  const part = `"${name}":{${fields}}`;
  return parts === '' ? part : `${parts},${part}`;
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
