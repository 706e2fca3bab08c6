-- Up Migration

-- Rollups, written in the transaction that stores the packets: their totals are those of the packets, always. Each
-- exists in two resolutions, so that the last day is read by the minute and the last quarter by the hour. `packets`
-- and `bytes` count what was on the wire: a packet that a capture node sampled counts sampling_rate times.

CREATE TABLE traffic_totals (
  bucket timestamptz NOT NULL,
  packets bigint NOT NULL,
  bytes bigint NOT NULL,
  observed_packets bigint NOT NULL,
  tcp_fin bigint NOT NULL,
  tcp_syn bigint NOT NULL,
  tcp_rst bigint NOT NULL,
  tcp_psh bigint NOT NULL,
  tcp_ack bigint NOT NULL,
  tcp_urg bigint NOT NULL,
  tcp_syn_only bigint NOT NULL,
  failures bigint NOT NULL,
  resolution smallint NOT NULL,
  capture_node text NOT NULL,
  source_sketch bit(12288) NOT NULL,
  PRIMARY KEY (resolution, bucket, capture_node)
) PARTITION BY RANGE (bucket) ;
COMMENT ON TABLE traffic_totals IS 'Traffic of each minute and each hour by capture node.';
COMMENT ON COLUMN traffic_totals.bucket IS 'Start of the minute or hour, capture time in UTC.';
COMMENT ON COLUMN traffic_totals.resolution IS 'Minutes of the bucket: 1 or 60. Every query names one, or counts twice.';
COMMENT ON COLUMN traffic_totals.bytes IS 'Bytes on the wire.';
COMMENT ON COLUMN traffic_totals.observed_packets IS 'Packets that were captured, without scaling.';
COMMENT ON COLUMN traffic_totals.tcp_syn_only IS 'SYN without ACK: attempts to connect.';
COMMENT ON COLUMN traffic_totals.failures IS 'Packets that could not be decoded whole.';
COMMENT ON COLUMN traffic_totals.source_sketch IS 'Distinct sources: distinct_sources(bit_or(source_sketch)) estimates how many there are in any set of rows, within 5 % (one standard deviation).';

CREATE TABLE traffic_protocols (
  bucket timestamptz NOT NULL,
  packets bigint NOT NULL,
  bytes bigint NOT NULL,
  ether_type integer NOT NULL,
  resolution smallint NOT NULL,
  ip_protocol smallint NOT NULL,
  capture_node text NOT NULL,
  PRIMARY KEY (resolution, bucket, capture_node, ether_type, ip_protocol)
) PARTITION BY RANGE (bucket);
COMMENT ON TABLE traffic_protocols IS 'Traffic by protocol; the most frequent of each bucket, the rest in one row with ether_type -1 and ip_protocol -1. Adds up to traffic_totals.';
COMMENT ON COLUMN traffic_protocols.ether_type IS '0 when the link has none, -1 in the row of the rest.';
COMMENT ON COLUMN traffic_protocols.ip_protocol IS '-1 when it is not IP, and in the row of the rest.';

CREATE TABLE traffic_sources (
  bucket timestamptz NOT NULL,
  packets bigint NOT NULL,
  bytes bigint NOT NULL,
  resolution smallint NOT NULL,
  capture_node text NOT NULL,
  source text NOT NULL,
  PRIMARY KEY (resolution, bucket, capture_node, source)
) PARTITION BY RANGE (bucket);
COMMENT ON TABLE traffic_sources IS 'Traffic by source; the busiest of each bucket, the rest in one row whose source is "other". Adds up to traffic_totals. The count of a source that was not among the busiest all the time is a lower bound.';
COMMENT ON COLUMN traffic_sources.source IS 'IP address as text, else a MAC, empty when neither is known, "other" for the rest.';

CREATE TABLE traffic_ports (
  bucket timestamptz NOT NULL,
  packets bigint NOT NULL,
  bytes bigint NOT NULL,
  destination_port integer NOT NULL,
  resolution smallint NOT NULL,
  ip_protocol smallint NOT NULL,
  capture_node text NOT NULL,
  PRIMARY KEY (resolution, bucket, capture_node, ip_protocol, destination_port)
) PARTITION BY RANGE (bucket);
COMMENT ON TABLE traffic_ports IS 'Traffic by protocol and destination port; the busiest of each bucket, the rest in one row with ip_protocol -1 and destination_port -1. Adds up to the packets that have ports.';

CREATE TABLE traffic_totals_default PARTITION OF traffic_totals DEFAULT;
CREATE TABLE traffic_protocols_default PARTITION OF traffic_protocols DEFAULT;
CREATE TABLE traffic_sources_default PARTITION OF traffic_sources DEFAULT;
CREATE TABLE traffic_ports_default PARTITION OF traffic_ports DEFAULT;
INSERT INTO partitions (partition_name, parent_name, range_start, range_end)
SELECT parent || '_default', parent, '-infinity', 'infinity'
FROM unnest(ARRAY['traffic_totals', 'traffic_protocols', 'traffic_sources', 'traffic_ports']) AS parent;

-- The estimate of a sketch: 512 registers of 24 bits, register r at bits 24 r to 24 r + 23; a source sets bit
-- (trailing zeros of its hash) of its register, so that sketches merge by OR. Few sources are estimated from the registers
-- that are empty (linear counting, Whang et al. 1990), many from the runs of ones that registers start with (Flajolet and
-- Martin, "Probabilistic counting algorithms for data base applications", 1985).
CREATE FUNCTION distinct_sources(sketch bit) RETURNS bigint
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
