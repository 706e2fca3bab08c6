-- Up Migration

-- Indexes of an address go by the second instead of the µs. B-tree keeps equal keys once (deduplication), and a host that
-- talks sends many packets in a second: of these two indexes, two thirds of the processor time and a quarter of the size are
-- left.
-- µs a row of COPY and index bytes a row, the same 1,000,000 rows of mixed traffic, PostgreSQL 18:
--
--   (captured_at), (source, captured_at), (destination, captured_at)    13.0   126
--   (captured_at), (source, second), (destination, second)               9.9    50
--   (captured_at), (source), (destination)                              10.5    44
--
-- A page of packets of one address is asked for by second, then captured_at: an incremental sort of one second at a time.
-- Time alone keeps its µs: the newest packets of everything would mean to sort a second of everything, in every partition.
DROP INDEX packets_source;
DROP INDEX packets_destination;
CREATE INDEX packets_source ON packets (source, date_bin('1 second', captured_at, '2000-01-01Z'::timestamptz));
CREATE INDEX packets_destination ON packets (destination, date_bin('1 second', captured_at, '2000-01-01Z'::timestamptz));

-- QUIC has made UDP as common as TCP, so both are found on the way along captured_at; an index that has every UDP packet
-- cost as much as that of the sources.
DROP INDEX packets_protocol;
CREATE INDEX packets_protocol ON packets (ip_protocol, captured_at) WHERE ip_protocol NOT IN (6, 17);

-- A bloom filter does not help with a service that has a few packets in every range, such as SSH: its port has an index. The
-- three that carry most traffic are found on the way, and from 32768 on ports are those of clients (RFC 6056, Linux).
CREATE INDEX packets_source_service ON packets (source_port, date_bin('1 second', captured_at, '2000-01-01Z'::timestamptz))
WHERE source_port < 32768 AND source_port NOT IN (53, 80, 443);
CREATE INDEX packets_destination_service ON packets (destination_port, date_bin('1 second', captured_at, '2000-01-01Z'::timestamptz))
WHERE destination_port < 32768 AND destination_port NOT IN (53, 80, 443);
