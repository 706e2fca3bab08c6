-- Up Migration

-- What every packet of a batch shares stands once in a dictionary: it would be 30 to 80 bytes of text a packet.
CREATE TABLE origins (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  capture_node text NOT NULL,
  interface text NOT NULL,
  link_type integer NOT NULL,
  timeline text NOT NULL,
  sampling text NOT NULL CHECK (sampling IN ('none', 'packet', 'flow')),
  sampling_rate bigint NOT NULL CHECK (sampling_rate >= 1),
  UNIQUE (capture_node, interface, link_type, timeline, sampling, sampling_rate)
);
COMMENT ON TABLE origins IS 'Where packets come from: packets.origin_id refers to it.';
COMMENT ON COLUMN origins.interface IS 'Interface name, or the file that a replay read.';
COMMENT ON COLUMN origins.link_type IS 'LINKTYPE_ value, https://www.tcpdump.org/linktypes.html';
COMMENT ON COLUMN origins.timeline IS 'Empty for live traffic; each replay of a capture has a name of its own.';
COMMENT ON COLUMN origins.sampling_rate IS 'One packet (or flow) of how many the capture node kept; 1 when all were.';

-- Columns stand by falling alignment, so that no row carries padding between them; addresses, which are 7 or 19 bytes
-- long, come last. What few packets carry is in one jsonb: each further column costs 31 ns a row in COPY even when it
-- is null (measured with 15 of them: 0.75 s against 1.21 s a million rows).
CREATE TABLE packets (
  captured_at timestamptz NOT NULL,
  id bigint NOT NULL,
  tcp_sequence bigint,
  ip_id bigint,
  origin_id integer NOT NULL,
  frame_length integer NOT NULL,
  captured_length integer NOT NULL,
  ether_type integer,
  source_port integer,
  destination_port integer,
  fragment_offset integer,
  source_mac macaddr,
  destination_mac macaddr,
  vlan smallint,
  inner_vlan smallint,
  ip_protocol smallint,
  ttl smallint,
  tcp_flags smallint,
  icmp_type smallint,
  icmp_code smallint,
  arp_operation smallint,
  role smallint NOT NULL,
  failure smallint,
  source inet,
  destination inet,
  details jsonb
) PARTITION BY RANGE (captured_at);

COMMENT ON TABLE packets IS 'One row a packet, without payload. Partitioned by capture time; packets_default holds times outside every partition.';
COMMENT ON COLUMN packets.captured_at IS 'Capture time, µs.';
COMMENT ON COLUMN packets.id IS 'Unique: the number of the packet in its stream (sink_offsets.stream × 2^40 + ordinal). Orders packets of the same µs; (captured_at, id) is the key to page by.';
COMMENT ON COLUMN packets.ip_id IS 'IPv4 identification, or that of an IPv6 fragment header.';
COMMENT ON COLUMN packets.frame_length IS 'Bytes on the wire.';
COMMENT ON COLUMN packets.captured_length IS 'Bytes captured.';
COMMENT ON COLUMN packets.ether_type IS 'EtherType after the VLAN tags; null when the link has none.';
COMMENT ON COLUMN packets.fragment_offset IS 'Bytes; null when the packet is no fragment, 0 for the first.';
COMMENT ON COLUMN packets.vlan IS 'VLAN id of the outer tag; null when untagged.';
COMMENT ON COLUMN packets.ttl IS 'Hop limit in IPv6.';
COMMENT ON COLUMN packets.tcp_flags IS 'RFC 9293: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256.';
COMMENT ON COLUMN packets.arp_operation IS 'RFC 826: 1 request, 2 reply. Source and destination are the sender and target protocol addresses.';
COMMENT ON COLUMN packets.role IS 'Of the sender in its conversation: 0 unknown, 1 opening, 2 originator, 3 responder.';
COMMENT ON COLUMN packets.failure IS 'Why the frame could not be decoded whole: the code of schemas/decode-failure.ts; null when it was.';
COMMENT ON COLUMN packets.source IS 'Null when the frame has no network address; source_mac then names its sender.';
COMMENT ON COLUMN packets.details IS 'What few packets carry: {"arp": {sender_mac, target_mac}, "neighbor_discovery": {target, link_layer_address}, "dns": {query, type}, "tls": {server_name}, "http": {host}, "dhcp": {message_type, hostname}, "tunnel": {type, layer, id, source, destination, ip_protocol, source_port, destination_port}}.';

CREATE TABLE packets_default PARTITION OF packets DEFAULT;

CREATE INDEX packets_captured_at ON packets (captured_at);
CREATE INDEX packets_source ON packets (source, captured_at);
CREATE INDEX packets_destination ON packets (destination, captured_at);

-- Which partitions there are and when each was last written: a capture of last year that was replayed today must not
-- be dropped by tonight's retention, so age is that of the range and of the last write, whichever is younger.
CREATE TABLE partitions (
  partition_name name PRIMARY KEY,
  parent_name name NOT NULL,
  range_start timestamptz NOT NULL,
  range_end timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_write_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE partitions IS 'The partitions of packets and of the traffic tables; the default partitions have the range -infinity to infinity.';
COMMENT ON COLUMN partitions.last_write_at IS 'Exact to a minute.';
INSERT INTO partitions (partition_name, parent_name, range_start, range_end)
VALUES ('packets_default', 'packets', '-infinity', 'infinity');

-- What the sinks have stored of each partition of a topic. A sink advances the row in the transaction that holds the rows.
CREATE TABLE sink_offsets (
  topic text NOT NULL,
  partition integer NOT NULL,
  topic_id text NOT NULL,
  next_offset bigint NOT NULL,
  packets bigint NOT NULL DEFAULT 0,
  stored_rows bigint NOT NULL DEFAULT 0,
  refused_rows bigint NOT NULL DEFAULT 0,
  stream integer GENERATED ALWAYS AS IDENTITY UNIQUE,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition)
);
COMMENT ON TABLE sink_offsets IS 'How far each topic partition is stored. Kafka''s own commit is advisory; this is what counts.';
COMMENT ON COLUMN sink_offsets.topic_id IS 'Kafka''s id of the topic (KIP-516); a topic that was deleted and created again has another one, and its offsets start again.';
COMMENT ON COLUMN sink_offsets.next_offset IS 'Offset of the first record that is not stored yet.';
COMMENT ON COLUMN sink_offsets.packets IS 'Packets taken from the partition so far, each once: stored_rows, refused_rows and what --store left out. They survive a topic made anew.';
COMMENT ON COLUMN sink_offsets.stored_rows IS 'Rows written to packets.';
COMMENT ON COLUMN sink_offsets.refused_rows IS 'Packets that Postgres refused and that went to the dead-letter topic.';
COMMENT ON COLUMN sink_offsets.stream IS 'Number of this topic partition in packets.id.';
