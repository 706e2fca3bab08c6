-- Up Migration

-- Makes a partition, or says that there is one. It belongs to the owner and runs with the owner's rights, so that a sink
-- needs no right to change tables. The table is made first and attached then: ATTACH takes SHARE UPDATE EXCLUSIVE on the
-- parent, which blocks neither readers nor COPY, where CREATE … PARTITION OF takes ACCESS EXCLUSIVE.
CREATE FUNCTION create_partition(parent name, partition_start timestamptz, partition_end timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET timezone TO 'UTC'
AS $$
DECLARE
  partition name;
BEGIN
  IF parent NOT IN ('packets', 'traffic_totals', 'traffic_protocols', 'traffic_sources', 'traffic_ports') THEN
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
