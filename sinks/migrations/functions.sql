-- The functions of the database, applied after every migration, as roles.sql is: what stands here is what is in force. Migrations
-- have made some of them in older shapes, which is history. All of it may be applied again at any time.

-- Makes a partition, or says that there is one. It belongs to the owner and runs with the owner's rights, so that a sink
-- needs no right to change tables. The table is made first and attached then: ATTACH takes SHARE UPDATE EXCLUSIVE on the
-- parent, which blocks neither readers nor COPY, where CREATE … PARTITION OF takes ACCESS EXCLUSIVE.
CREATE OR REPLACE FUNCTION create_partition(parent name, partition_start timestamptz, partition_end timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET timezone TO 'UTC'
AS $$
DECLARE
  partition name;
BEGIN
  IF parent NOT IN ('packet_segments', 'conversations', 'traffic_totals', 'traffic_protocols', 'traffic_sources', 'traffic_ports',
    'traffic_conversations') THEN
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
    PERFORM lay_out_segments(partition);
  END IF;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    parent, partition, partition_start, partition_end);
  INSERT INTO partitions (partition_name, parent_name, range_start, range_end)
  VALUES (partition, parent, partition_start, partition_end);
  RETURN true;
END
$$;
COMMENT ON FUNCTION create_partition(name, timestamptz, timestamptz) IS 'Makes the partition of a range and returns true; returns false when a partition covers any of it. Fails with 23514 when the default partition holds rows of that range.';
REVOKE ALL ON FUNCTION create_partition(name, timestamptz, timestamptz) FROM PUBLIC;
-- Names are looked up in the schema of the tables only; temporary tables, which a caller may make, come last.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION create_partition(name, timestamptz, timestamptz) SET search_path = %I, pg_temp', current_schema());
END
$$;

-- What a partition does not take over from packet_segments, which has no rows itself.
CREATE OR REPLACE FUNCTION lay_out_segments(segments_table name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM keep_statistics_small(segments_table);
  EXECUTE format('ALTER TABLE %I SET (toast_tuple_target = 8160)', segments_table);
END
$$;
REVOKE ALL ON FUNCTION lay_out_segments(name) FROM PUBLIC;

-- ANALYZE would read and sort every packet of every segment that it samples, for columns that no question goes by.
CREATE OR REPLACE FUNCTION keep_statistics_small(segments_table name) RETURNS void
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

CREATE OR REPLACE FUNCTION distinct_networks(addresses inet[]) RETURNS inet[]
LANGUAGE sql IMMUTABLE
AS $$
  SELECT coalesce(array_agg(DISTINCT network(set_masklen(address, bits))::inet), '{}')
  FROM unnest(addresses) AS address,
    unnest(CASE family(address) WHEN 4 THEN ARRAY[8, 16, 24] ELSE ARRAY[32, 48, 64] END) AS bits
$$;
COMMENT ON FUNCTION distinct_networks(inet[]) IS 'The networks that addresses of a segment are found by.';

-- The sinks write segments themselves. This is for rows that are there already: those of the table that this replaces, or
-- an export that comes back.
CREATE OR REPLACE FUNCTION pack_packets(packet_rows regclass) RETURNS bigint
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

-- The estimate of a sketch: 512 registers of 24 bits, register r at bits 24 r to 24 r + 23; a source sets bit
-- (trailing zeros of its hash) of its register, so that sketches merge by OR. Few sources are estimated from the registers
-- that are empty (linear counting, Whang et al. 1990), many from the runs of ones that registers start with (Flajolet and
-- Martin, "Probabilistic counting algorithms for data base applications", 1985).
CREATE OR REPLACE FUNCTION distinct_sources(sketch bit) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN sketch IS NULL THEN 0
    WHEN empty > 51 THEN round(512 * ln(512.0 / empty))::bigint
    ELSE round(512 / 0.77351 * (power(2, mean) - power(2, -1.75 * mean)))::bigint END
  FROM (
    SELECT count(*) FILTER (WHERE bit_count(bits) = 0) AS empty,
      avg(CASE position(B'0' IN bits) WHEN 0 THEN 24 ELSE position(B'0' IN bits) - 1 END)::double precision AS mean
    FROM (SELECT substring(sketch FROM 24 * register + 1 FOR 24) AS bits FROM generate_series(0, 511) AS register) AS registers
  ) AS counts
$$;
COMMENT ON FUNCTION distinct_sources(bit) IS 'How many distinct sources a source_sketch, or the bit_or of several, stands for.';

-- The rollups as whoever sums them up expects: each minute, or each hour, once. In the tables both stand, and a sum over them is
-- twice what there was.
CREATE OR REPLACE VIEW traffic_by_minute AS
SELECT bucket, capture_node, packets, bytes, observed_packets, tcp_fin, tcp_syn, tcp_rst, tcp_psh, tcp_ack, tcp_urg, tcp_syn_only,
  failures, source_sketch
FROM traffic_totals WHERE resolution = 1;

CREATE OR REPLACE VIEW traffic_by_hour AS
SELECT bucket, capture_node, packets, bytes, observed_packets, tcp_fin, tcp_syn, tcp_rst, tcp_psh, tcp_ack, tcp_urg, tcp_syn_only,
  failures, source_sketch
FROM traffic_totals WHERE resolution = 60;

CREATE OR REPLACE VIEW protocols_by_minute AS
SELECT bucket, capture_node,
  CASE
    WHEN ip_protocol = 6 THEN 'tcp' WHEN ip_protocol = 17 THEN 'udp' WHEN ip_protocol = 1 THEN 'icmp'
    WHEN ip_protocol = 58 THEN 'icmpv6' WHEN ip_protocol = 132 THEN 'sctp' WHEN ip_protocol >= 0 THEN 'ip_' || ip_protocol
    WHEN ether_type = 2054 THEN 'arp' WHEN ether_type <= 0 THEN 'other' ELSE '0x' || lpad(to_hex(ether_type), 4, '0')
  END AS protocol,
  packets, bytes
FROM traffic_protocols WHERE resolution = 1;

CREATE OR REPLACE VIEW conversations_by_minute AS
SELECT bucket, capture_node, kind, name, conversations, packets, bytes FROM traffic_conversations WHERE resolution = 1;
COMMENT ON VIEW conversations_by_minute IS 'One kind at a time: service, outcome, pair or port. Those of each add up to all.';
