-- Up Migration

-- Why these indexes on packets and no others. CPU time of COPY on a busy two-core machine, µs a row, 18 columns, 500,000 rows
-- in runs of 20 of one source; index sizes of that many rows:
--
--   none                                                     2.3
--   (captured_at)                                            4.1      11 MB
--   (captured_at), (source)                                  7.8       4 MB more
--   (captured_at), (destination)                             9.7       5 MB more
--   BRIN (captured_at), (source), (destination)             11.1
--   BRIN (captured_at), (source, captured_at), (destination, captured_at)   13.6
--   (captured_at), (source, captured_at), (destination, captured_at)        14.4      21 MB and 19 MB more
--   (captured_at), bloom BRIN (source, destination)          5.7
--   (captured_at), GiST inet_ops (source)                   16.2
--   (captured_at), hash (destination)                       12.4
--
-- Pages come newest first. B-tree on captured_at gives them without a sort, which BRIN cannot, and what is common is found on
-- the way. Sources and destinations that are not common need a B-tree that has the time as its second column: with bloom filters
-- a host with a thousand packets costs a thousand ranges of a megabyte. B-tree serves networks (<<=) too,
-- so GiST, dearest of all, has nothing to add.
--
-- Ports and protocols cannot afford that twice more. A port that is common is found on the way along captured_at; a bloom
-- filter finds those that are rare. Protocols other than TCP are a minority, so an index of them alone costs TCP nothing.
-- A range of 128 pages has some 6,000 rows. Both filters together have to fit a page of 8 KB, so their size is given: 3 KB each.
CREATE INDEX packets_ports ON packets USING brin (
  source_port int4_bloom_ops (n_distinct_per_range = 3000, false_positive_rate = 0.02),
  destination_port int4_bloom_ops (n_distinct_per_range = 3000, false_positive_rate = 0.02)
) WITH (pages_per_range = 128);
CREATE INDEX packets_protocol ON packets (ip_protocol, captured_at) WHERE ip_protocol <> 6;

-- BRIN describes new pages only when it is told to (or at the next vacuum); until then each query reads them all.
CREATE FUNCTION summarize_packets() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
  summarized integer := 0;
  index_oid regclass;
BEGIN
  PERFORM set_config('lock_timeout', '100ms', true);
  FOR index_oid IN
    SELECT i.indexrelid::regclass
    FROM partitions AS known
    JOIN pg_index AS i ON i.indrelid = to_regclass(quote_ident(known.partition_name))
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS a ON a.oid = c.relam
    WHERE known.parent_name = 'packets' AND a.amname = 'brin' AND known.last_write_at > now() - interval '5 minutes'
  LOOP
    BEGIN
      summarized := summarized + brin_summarize_new_values(index_oid);
    EXCEPTION WHEN lock_not_available THEN NULL; -- a vacuum or another sink is at it
    END;
  END LOOP;
  RETURN summarized;
END
$$;
COMMENT ON FUNCTION summarize_packets() IS 'Brings the BRIN indexes of the partitions that were written lately up to date; returns the number of page ranges. The sink calls it now and then.';
REVOKE ALL ON FUNCTION summarize_packets() FROM PUBLIC;
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION summarize_packets() SET search_path = %I, pg_temp', current_schema());
END
$$;
