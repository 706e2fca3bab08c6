-- Up Migration

-- A rare port costs the rows of every range that has it, 0.3 µs each, and one look at the filter of every range there is. So
-- ranges are small, a quarter of those of before, and filters stay below 509 bytes (TOAST_INDEX_TARGET): from there on
-- Postgres compresses them, and expanding one takes longer than looking at it. A range has some 2,000 rows, which come
-- source by source: 130 distinct ports on average of mixed traffic; with 1,000 it is still left out three times of four.
--
-- One port of clients, 4,000,000 rows of mixed traffic, PostgreSQL 18 on a busy machine: ms in the index, pages read, ms
-- in all (median), size of the index
--
--   128 pages, 3,000 distinct, 0.02     8.1   995   61   3.9 MB
--    64 pages, 1,500 distinct, 0.02     7.7   494   20   2.8 MB
--    32 pages,   750 distinct, 0.02     8.7   271   18   2.8 MB
--    32 pages,   500 distinct, 0.03     1.5   434   17   2.1 MB
--    16 pages,   400 distinct, 0.02     5.9   188   14   3.7 MB
DROP INDEX packets_ports;
CREATE INDEX packets_ports ON packets USING brin (
  source_port int4_bloom_ops (n_distinct_per_range = 500, false_positive_rate = 0.03),
  destination_port int4_bloom_ops (n_distinct_per_range = 500, false_positive_rate = 0.03)
) WITH (pages_per_range = 32);
