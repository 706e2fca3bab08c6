-- Up Migration

-- Packets by the run instead of by the row. A row a packet cost Postgres 11 µs of processor time, of which COPY itself was
-- 2.4 and the rest its indexes, and 188 bytes. A segment is a row of up to 256 packets of one origin and one ten seconds,
-- sorted by source, a column an array of four-byte numbers. The same 1,000,000 packets of mixed traffic, PostgreSQL 18, with
-- every index: 1.2 µs and 45 bytes a packet. What a filter can ask for stands once a segment, and there one index has it all.
--
-- The view packets has a row a packet, as the table had.
ALTER TABLE packets RENAME TO packet_rows;
ALTER TABLE packets_default RENAME TO packet_rows_default;

CREATE TABLE packet_segments (
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  first_id bigint NOT NULL,
  origin_id integer NOT NULL,
  packets integer NOT NULL CHECK (packets BETWEEN 1 AND 256),
  captured_limit integer NOT NULL,
  sources inet[] NOT NULL,
  destinations inet[] NOT NULL,
  source_ports integer[] NOT NULL,
  destination_ports integer[] NOT NULL,
  ip_protocols smallint[] NOT NULL,
  hosts inet[] NOT NULL,
  macs macaddr[] NOT NULL,
  time_offsets integer[] NOT NULL,
  headers integer[] NOT NULL,
  endpoints integer[] NOT NULL,
  ports integer[] NOT NULL,
  mac_pairs integer[] NOT NULL,
  ether_types integer[] NOT NULL,
  frame_lengths integer[] NOT NULL,
  tcp_sequences integer[] NOT NULL,
  ip_ids integer[] NOT NULL,
  captured_lengths integer[],
  vlans integer[],
  fragment_offsets integer[],
  icmp integer[],
  arp_operations integer[],
  failures integer[],
  details jsonb[]
) PARTITION BY RANGE (first_at);

COMMENT ON TABLE packet_segments IS 'Up to 256 packets a row, of one origin and one ten seconds, without payload; the view packets has a row a packet. Arrays have an element a packet, or one that stands for all. Partitioned by capture time; packet_segments_default holds times outside every partition.';
COMMENT ON COLUMN packet_segments.first_id IS 'Id of its first packet; the others follow.';
COMMENT ON COLUMN packet_segments.captured_limit IS 'Where captured_lengths is null, of each frame so many bytes were captured, or all it has.';
COMMENT ON COLUMN packet_segments.sources IS 'What the index finds the sources by: the distinct addresses and their networks of 8, 16 and 24 bits (IPv6: 32, 48 and 64). Where there are more than 192, as in a flood from forged addresses, which would fill the index: the networks of 8 (32) bits alone, each as its last address, such as 10.255.255.255/8.';
COMMENT ON COLUMN packet_segments.destinations IS 'As sources.';
COMMENT ON COLUMN packet_segments.source_ports IS 'The distinct ones, for the index; where there are more than 192: -1 for any of 0 to 2047, -2 for any of 2048 to 4095, and so on. So are destination_ports.';
COMMENT ON COLUMN packet_segments.ip_protocols IS 'The distinct ones, for the index.';
COMMENT ON COLUMN packet_segments.hosts IS 'The distinct addresses, which endpoints counts from 1; macs are counted likewise.';
COMMENT ON COLUMN packet_segments.time_offsets IS 'µs since first_at, ascending: readers search in it.';
COMMENT ON COLUMN packet_segments.headers IS 'Bits from the lowest: IP protocol 8, TTL 8, TCP flags 12; then whether there is an IP header, ports, a TCP header, an IP id.';
COMMENT ON COLUMN packet_segments.endpoints IS 'Bits from the lowest: which of hosts is the destination 12, which the source 12 (0 for none), role 2.';
COMMENT ON COLUMN packet_segments.ports IS 'Source × 65536 + destination.';
COMMENT ON COLUMN packet_segments.mac_pairs IS 'Which of macs is the source × 65536 + which the destination; 0 for none.';
COMMENT ON COLUMN packet_segments.ether_types IS '0 for none.';
COMMENT ON COLUMN packet_segments.tcp_sequences IS 'Modulo 2^32; so are ip_ids.';
COMMENT ON COLUMN packet_segments.vlans IS 'Outer × 65536 + inner tag, 0 for none; null when no packet has a tag.';
COMMENT ON COLUMN packet_segments.fragment_offsets IS '-1 for no fragment.';
COMMENT ON COLUMN packet_segments.icmp IS 'Type × 256 + code, -1 for none.';
COMMENT ON COLUMN packet_segments.arp_operations IS '-1 for none.';
COMMENT ON COLUMN packet_segments.failures IS '0 for none.';

-- Compressing (pglz) halves the bytes and doubles the processor time.
DO $$
DECLARE
  array_column name;
BEGIN
  FOR array_column IN
    SELECT attname FROM pg_attribute WHERE attrelid = 'packet_segments'::regclass AND attnum > 0 AND attlen = -1
  LOOP
    EXECUTE format('ALTER TABLE packet_segments ALTER %I SET STORAGE EXTERNAL', array_column);
  END LOOP;
END
$$;

-- ANALYZE would read and sort every packet of every segment that it samples, for columns that no question goes by.
CREATE FUNCTION keep_statistics_small(segments_table name) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  packed_column name;
BEGIN
  FOR packed_column IN
    SELECT attname FROM pg_attribute
    WHERE attrelid = to_regclass(quote_ident(segments_table)) AND attnum > 0
      AND attname NOT IN ('first_at', 'last_at', 'origin_id', 'packets', 'sources', 'destinations', 'source_ports',
        'destination_ports', 'ip_protocols', 'macs')
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER %I SET STATISTICS 0', segments_table, packed_column);
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION keep_statistics_small(name) FROM PUBLIC;

CREATE TABLE packet_segments_default PARTITION OF packet_segments DEFAULT;
SELECT keep_statistics_small('packet_segments'), keep_statistics_small('packet_segments_default');

-- Pages come newest first: what is common is found on the way, what is rare by the other index.
CREATE INDEX packet_segments_last_at ON packet_segments (last_at);
-- A list of at most a megabyte waits to be sorted in; each query reads it whole.
CREATE INDEX packet_segments_keys ON packet_segments
USING gin (sources, destinations, source_ports, destination_ports, ip_protocols) WITH (gin_pending_list_limit = 1024);

-- Ids are those of a unit, which a sink stores in one transaction, × 2^20 + the place in it.
CREATE SEQUENCE packet_units MINVALUE 1 MAXVALUE 8796093022207;

-- The arrays are unpacked side by side. Beside each packet stands what the indexes know of its segment: whoever asks for an
-- address, a port or a time asks for it of the segment, too.
CREATE VIEW unpacked_packets AS
SELECT
  first_at, last_at, sources, destinations, source_ports, destination_ports, ip_protocols,
  first_at + time_offset * interval '1 microsecond' AS captured_at,
  first_id + place AS id,
  CASE WHEN header & (1 << 30) <> 0 THEN tcp_sequence & 4294967295 END AS tcp_sequence,
  CASE WHEN header < 0 THEN ip_id & 4294967295 END AS ip_id,
  origin_id,
  frame_length,
  coalesce(captured_length, least(frame_length, captured_limit)) AS captured_length,
  nullif(ether_type, 0) AS ether_type,
  CASE WHEN header & (1 << 29) <> 0 THEN (port_pair >> 16) & 65535 END AS source_port,
  CASE WHEN header & (1 << 29) <> 0 THEN port_pair & 65535 END AS destination_port,
  nullif(fragment_offset, -1) AS fragment_offset,
  macs[mac_pair >> 16] AS source_mac,
  macs[mac_pair & 65535] AS destination_mac,
  nullif(vlan_pair >> 16, 0)::smallint AS vlan,
  nullif(vlan_pair & 65535, 0)::smallint AS inner_vlan,
  CASE WHEN header & (1 << 28) <> 0 THEN header & 255 END::smallint AS ip_protocol,
  CASE WHEN header & (1 << 28) <> 0 THEN (header >> 8) & 255 END::smallint AS ttl,
  CASE WHEN header & (1 << 30) <> 0 THEN (header >> 16) & 4095 END::smallint AS tcp_flags,
  CASE WHEN icmp_pair >= 0 THEN icmp_pair >> 8 END::smallint AS icmp_type,
  CASE WHEN icmp_pair >= 0 THEN icmp_pair & 255 END::smallint AS icmp_code,
  nullif(arp_operation, -1)::smallint AS arp_operation,
  (endpoint >> 24)::smallint AS role,
  nullif(failure, 0)::smallint AS failure,
  hosts[(endpoint >> 12) & 4095] AS source,
  hosts[endpoint & 4095] AS destination,
  detail AS details
FROM (
  SELECT
    first_at, last_at, first_id, origin_id, captured_limit, sources, destinations, source_ports, destination_ports, ip_protocols,
    hosts, macs, place,
    coalesce(time_offset, time_offsets[1]) AS time_offset,
    coalesce(header, headers[1]) AS header,
    coalesce(endpoint, endpoints[1]) AS endpoint,
    coalesce(port_pair, ports[1]) AS port_pair,
    coalesce(mac_pair, mac_pairs[1]) AS mac_pair,
    coalesce(ether_type, ether_types[1]) AS ether_type,
    coalesce(frame_length, frame_lengths[1]) AS frame_length,
    coalesce(tcp_sequence, tcp_sequences[1])::bigint AS tcp_sequence,
    coalesce(ip_id, ip_ids[1])::bigint AS ip_id,
    coalesce(captured_length, captured_lengths[1]) AS captured_length,
    coalesce(vlan_pair, vlans[1]) AS vlan_pair,
    coalesce(fragment_offset, fragment_offsets[1]) AS fragment_offset,
    coalesce(icmp_pair, icmp[1]) AS icmp_pair,
    coalesce(arp_operation, arp_operations[1]) AS arp_operation,
    coalesce(failure, failures[1]) AS failure,
    detail
  FROM (
    SELECT
      *,
      generate_series(0, packets - 1) AS place,
      unnest(time_offsets) AS time_offset,
      unnest(headers) AS header,
      unnest(endpoints) AS endpoint,
      unnest(ports) AS port_pair,
      unnest(mac_pairs) AS mac_pair,
      unnest(ether_types) AS ether_type,
      unnest(frame_lengths) AS frame_length,
      unnest(tcp_sequences) AS tcp_sequence,
      unnest(ip_ids) AS ip_id,
      unnest(captured_lengths) AS captured_length,
      unnest(vlans) AS vlan_pair,
      unnest(fragment_offsets) AS fragment_offset,
      unnest(icmp) AS icmp_pair,
      unnest(arp_operations) AS arp_operation,
      unnest(failures) AS failure,
      unnest(details) AS detail
    FROM packet_segments
  ) AS side_by_side
) AS filled;

COMMENT ON VIEW unpacked_packets IS 'The packets, each beside what its segment is found by.';

CREATE VIEW packets AS
SELECT captured_at, id, tcp_sequence, ip_id, origin_id, frame_length, captured_length, ether_type, source_port, destination_port,
  fragment_offset, source_mac, destination_mac, vlan, inner_vlan, ip_protocol, ttl, tcp_flags, icmp_type, icmp_code,
  arp_operation, role, failure, source, destination, details
FROM unpacked_packets;
COMMENT ON VIEW packets IS 'One row a packet, without payload. It unpacks every segment; packets_between unpacks those of a time.';
COMMENT ON COLUMN packets.captured_at IS 'Capture time, µs.';
COMMENT ON COLUMN packets.id IS 'Unique. Orders packets of the same µs; (captured_at, id) is the key to page by.';
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

-- A segment is of one ten seconds, so it begins at most ten seconds before it ends.
CREATE FUNCTION packets_between(earliest timestamptz, behind timestamptz) RETURNS SETOF packets
LANGUAGE sql STABLE
AS $$
  SELECT captured_at, id, tcp_sequence, ip_id, origin_id, frame_length, captured_length, ether_type, source_port, destination_port,
  fragment_offset, source_mac, destination_mac, vlan, inner_vlan, ip_protocol, ttl, tcp_flags, icmp_type, icmp_code,
  arp_operation, role, failure, source, destination, details
  FROM unpacked_packets
  WHERE last_at >= earliest AND last_at < behind + interval '10 seconds'
    AND first_at > earliest - interval '10 seconds' AND first_at < behind
    AND captured_at >= earliest AND captured_at < behind
$$;
COMMENT ON FUNCTION packets_between(timestamptz, timestamptz) IS 'The packets captured from a time to before another, without a look at any other segment.';

CREATE FUNCTION distinct_networks(addresses inet[]) RETURNS inet[]
LANGUAGE sql IMMUTABLE
AS $$
  SELECT coalesce(array_agg(DISTINCT network(set_masklen(address, bits))::inet), '{}')
  FROM unnest(addresses) AS address,
    unnest(CASE family(address) WHEN 4 THEN ARRAY[8, 16, 24] ELSE ARRAY[32, 48, 64] END) AS bits
$$;
COMMENT ON FUNCTION distinct_networks(inet[]) IS 'The networks that addresses of a segment are found by.';

-- The sinks write segments themselves. This is for rows that are there already: those of the table that this replaces, or
-- an export that comes back.
CREATE FUNCTION pack_packets(packet_rows regclass) RETURNS bigint
LANGUAGE plpgsql
SET timezone TO 'UTC'
SET enable_nestloop TO off -- Postgres has no statistics of what WITH gives, and takes it for a few rows
AS $$
DECLARE
  segments bigint;
BEGIN
  EXECUTE format($sql$
    WITH cut AS (
      SELECT
        *, (row_number() OVER (PARTITION BY origin_id, bin ORDER BY source, captured_at, id) - 1) / 256 AS part
      FROM (SELECT *, date_bin('10 seconds', captured_at, '2000-01-01Z') AS bin FROM %s) AS given
    ), keyed AS (
      SELECT
        origin_id, bin, part, row_number() OVER () - 1 AS number, min(captured_at) AS first_at, max(captured_at) AS last_at,
        count(*) AS packets, max(captured_length) AS captured_limit,
        coalesce(array_agg(DISTINCT source) FILTER (WHERE source IS NOT NULL), '{}') AS sources,
        coalesce(array_agg(DISTINCT destination) FILTER (WHERE destination IS NOT NULL), '{}') AS destinations,
        coalesce(array_agg(DISTINCT source_port) FILTER (WHERE source_port IS NOT NULL), '{}') AS source_ports,
        coalesce(array_agg(DISTINCT destination_port) FILTER (WHERE destination_port IS NOT NULL), '{}') AS destination_ports,
        coalesce(array_agg(DISTINCT ip_protocol) FILTER (WHERE ip_protocol IS NOT NULL), '{}') AS ip_protocols,
        coalesce(array_agg(DISTINCT source_mac) FILTER (WHERE source_mac IS NOT NULL), '{}')
          || coalesce(array_agg(DISTINCT destination_mac) FILTER (WHERE destination_mac IS NOT NULL), '{}') AS macs
      FROM cut
      GROUP BY origin_id, bin, part
    ), segments AS (
      SELECT *, sources || destinations AS hosts FROM keyed
    ), units AS (
      -- Room for 256 packets a segment, 4,096 segments a unit.
      SELECT chunk, nextval('packet_units') AS unit FROM (SELECT DISTINCT number >> 12 AS chunk FROM segments) AS chunks
    ), arrays AS (
      SELECT
        origin_id, bin, part,
        array_agg((extract(epoch FROM captured_at - first_at) * 1000000)::integer ORDER BY captured_at, id) AS time_offsets,
        array_agg(coalesce(ip_protocol, 0) | (coalesce(ttl, 0) << 8) | (coalesce(tcp_flags, 0) << 16)
          | ((ip_protocol IS NOT NULL)::integer << 28) | ((source_port IS NOT NULL)::integer << 29)
          | ((tcp_flags IS NOT NULL)::integer << 30) | ((ip_id IS NOT NULL)::integer << 31)
          ORDER BY captured_at, id) AS headers,
        array_agg((role::integer << 24) | (coalesce(array_position(hosts, source), 0) << 12)
          | coalesce(array_position(hosts, destination), 0) ORDER BY captured_at, id) AS endpoints,
        array_agg((coalesce(source_port, 0) << 16) | coalesce(destination_port, 0) ORDER BY captured_at, id) AS ports,
        array_agg((coalesce(array_position(macs, source_mac), 0) << 16)
          | coalesce(array_position(macs, destination_mac), 0) ORDER BY captured_at, id) AS mac_pairs,
        array_agg(coalesce(ether_type, 0) ORDER BY captured_at, id) AS ether_types,
        array_agg(frame_length ORDER BY captured_at, id) AS frame_lengths,
        array_agg(coalesce(tcp_sequence, 0)::bit(32)::integer ORDER BY captured_at, id) AS tcp_sequences,
        array_agg(coalesce(ip_id, 0)::bit(32)::integer ORDER BY captured_at, id) AS ip_ids,
        array_agg(captured_length ORDER BY captured_at, id) AS captured_lengths,
        CASE WHEN count(vlan) + count(inner_vlan) > 0 THEN array_agg(
          (coalesce(vlan, 0) << 16) | coalesce(inner_vlan, 0) ORDER BY captured_at, id) END AS vlans,
        CASE WHEN count(fragment_offset) > 0 THEN array_agg(
          coalesce(fragment_offset, -1) ORDER BY captured_at, id) END AS fragment_offsets,
        CASE WHEN count(icmp_type) > 0 THEN array_agg(
          coalesce((icmp_type::integer << 8) | icmp_code, -1) ORDER BY captured_at, id) END AS icmp,
        CASE WHEN count(arp_operation) > 0 THEN array_agg(
          coalesce(arp_operation, -1) ORDER BY captured_at, id) END AS arp_operations,
        CASE WHEN count(failure) > 0 THEN array_agg(coalesce(failure, 0) ORDER BY captured_at, id) END AS failures,
        CASE WHEN count(details) > 0 THEN array_agg(details ORDER BY captured_at, id) END AS details
      FROM cut JOIN segments USING (origin_id, bin, part)
      GROUP BY origin_id, bin, part
    )
    INSERT INTO packet_segments
    SELECT
      first_at, last_at, (unit << 20) | ((number & 4095) << 8), origin_id, packets, captured_limit,
      sources || distinct_networks(sources), destinations || distinct_networks(destinations),
      source_ports, destination_ports, ip_protocols, hosts, macs,
      time_offsets, headers, endpoints, ports, mac_pairs, ether_types, frame_lengths, tcp_sequences, ip_ids,
      captured_lengths, vlans, fragment_offsets, icmp, arp_operations, failures, details
    FROM segments JOIN units ON chunk = number >> 12 JOIN arrays USING (origin_id, bin, part)
  $sql$, packet_rows);
  GET DIAGNOSTICS segments = ROW_COUNT;
  RETURN segments;
END
$$;
COMMENT ON FUNCTION pack_packets(regclass) IS 'Stores the rows of a table with the columns of packets, under new ids; returns the number of segments.';
REVOKE ALL ON FUNCTION pack_packets(regclass) FROM PUBLIC;

-- As before, of packet_segments instead of packets.
CREATE OR REPLACE FUNCTION create_partition(parent name, partition_start timestamptz, partition_end timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET timezone TO 'UTC'
AS $$
DECLARE
  partition name;
BEGIN
  IF parent NOT IN ('packet_segments', 'traffic_totals', 'traffic_protocols', 'traffic_sources', 'traffic_ports') THEN
    RAISE EXCEPTION 'no partitioned table of the analyzer: %', parent USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF partition_start >= partition_end OR partition_end - partition_start > interval '31 days' THEN
    RAISE EXCEPTION 'a partition spans between an hour and a month, not % to %', partition_start, partition_end
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('nta.partitions'), hashtext(parent::text));
  IF EXISTS (
    SELECT FROM partitions AS known
    WHERE known.parent_name = parent AND known.range_start > '-infinity'
      AND known.range_start < partition_end AND known.range_end > partition_start
  ) THEN
    RETURN false;
  END IF;
  partition := parent || to_char(partition_start, CASE
    WHEN partition_end - partition_start >= interval '28 days' THEN '"_"YYYYMM'
    WHEN partition_end - partition_start >= interval '1 day' THEN '"_"YYYYMMDD'
    ELSE '"_"YYYYMMDD"t"HH24'
  END);
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING COMMENTS)', partition, parent);
  IF parent = 'packet_segments' THEN
    PERFORM keep_statistics_small(partition);
  END IF;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    parent, partition, partition_start, partition_end);
  INSERT INTO partitions (partition_name, parent_name, range_start, range_end)
  VALUES (partition, parent, partition_start, partition_end);
  RETURN true;
END
$$;
-- Names are looked up in the schema of the tables only; temporary tables, which a caller may make, come last.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION create_partition(name, timestamptz, timestamptz) SET search_path = %I, pg_temp', current_schema());
END
$$;
DROP FUNCTION summarize_packets();

INSERT INTO partitions (partition_name, parent_name, range_start, range_end)
VALUES ('packet_segments_default', 'packet_segments', '-infinity', 'infinity');
DO $$
DECLARE
  known partitions;
BEGIN
  FOR known IN SELECT * FROM partitions WHERE parent_name = 'packets' ORDER BY range_start LOOP
    IF known.range_start > '-infinity' THEN
      PERFORM create_partition('packet_segments', known.range_start, known.range_end);
      UPDATE partitions SET created_at = known.created_at, last_write_at = known.last_write_at
      WHERE parent_name = 'packet_segments' AND range_start = known.range_start;
    END IF;
  END LOOP;
  PERFORM pack_packets('packet_rows');
END
$$;
DELETE FROM partitions WHERE parent_name = 'packets';
DROP TABLE packet_rows;
ALTER TABLE sink_offsets DROP COLUMN stream;
