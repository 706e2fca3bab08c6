-- Up Migration

-- A rare port costs the rows of every range that has it, 0.3 µs each, and one look at the filter of every range there is. So
-- ranges are small, an eighth of those of before, and filters stay below 509 bytes (TOAST_INDEX_TARGET): from there on
-- Postgres compresses them, and expanding one takes longer than looking at it. A range has some 1,000 rows, which come
-- source by source: 80 distinct ports on average of mixed traffic; with 1,000 it is still left out two times of three.
--
-- One port of clients, 4,000,000 rows of mixed traffic, PostgreSQL 18: ms in the index, pages read, size of the index; all take
-- as long to build; and processor time over 8,000,000 rows, 95th percentile in ms of two runs
--
--   128 pages, 3,000 distinct, 0.02     8.1   995   3.9 MB
--    64 pages, 1,500 distinct, 0.02     7.7   494   2.8 MB
--    32 pages,   750 distinct, 0.02     8.7   271   2.8 MB
--    32 pages,   500 distinct, 0.03     1.3   435   2.1 MB   28 and 20
--    24 pages,   450 distinct, 0.02     1.8   287   2.8 MB   26 and 20
--    16 pages,   400 distinct, 0.02     2.6   186   3.7 MB   16 and 12
DROP INDEX packets_ports;
CREATE INDEX packets_ports ON packets USING brin (
  source_port int4_bloom_ops (n_distinct_per_range = 400, false_positive_rate = 0.02),
  destination_port int4_bloom_ops (n_distinct_per_range = 400, false_positive_rate = 0.02)
) WITH (pages_per_range = 16);
