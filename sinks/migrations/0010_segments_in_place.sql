-- Up Migration

-- Segments are larger than Postgres keeps in a row: it moves arrays aside, each of which is then looked up by itself, until
-- 2 kB are left. Most of a segment now stays in its row, a page of the table, and what questions are asked about moves last.
-- 500,000 packets of mixed traffic with every index: 1.6 to 1.4 µs of Postgres a packet and 54 to 52 bytes. Segments that are
-- there stay as they are.
ALTER TABLE packet_segments
  ALTER time_offsets SET STORAGE MAIN,
  ALTER headers SET STORAGE MAIN,
  ALTER endpoints SET STORAGE MAIN,
  ALTER ports SET STORAGE MAIN;

-- What a partition does not take over from packet_segments, which has no rows itself.
CREATE FUNCTION lay_out_segments(segments_table name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM keep_statistics_small(segments_table);
  EXECUTE format('ALTER TABLE %I SET (toast_tuple_target = 8160)', segments_table);
END
$$;
REVOKE ALL ON FUNCTION lay_out_segments(name) FROM PUBLIC;

-- As before, with lay_out_segments.
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
    PERFORM lay_out_segments(partition);
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

DO $$
DECLARE
  known name;
BEGIN
  FOR known IN SELECT partition_name FROM partitions WHERE parent_name = 'packet_segments' LOOP
    PERFORM lay_out_segments(known);
  END LOOP;
END
$$;
