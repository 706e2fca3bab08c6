-- Up Migration

-- The traffic of the last hour by the second, for charts that look closely. Seven rows a second and capture node at the most, so the
-- table is small whatever the traffic: sinks that write it remove what is older than 75 minutes. Written after the minute's row in
-- traffic_totals, whose lock keeps two sinks from the same second.
CREATE TABLE traffic_seconds (
  second timestamptz NOT NULL,
  packets bigint NOT NULL,
  bytes bigint NOT NULL,
  capture_node text NOT NULL,
  protocol text NOT NULL,
  PRIMARY KEY (second, capture_node, protocol)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.1);
COMMENT ON TABLE traffic_seconds IS 'Traffic of each second of the last hour by capture node and protocol. What is replayed from an older capture is in the minutes of traffic_totals alone.';
COMMENT ON COLUMN traffic_seconds.protocol IS 'tcp, udp, icmp, icmpv6, sctp, arp or other.';
