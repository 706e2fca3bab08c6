-- Roles and grants, applied after every migration. Idempotent. The user who migrates owns the tables; it needs CREATEROLE
-- for the three roles, or somebody creates them beforehand: CREATE ROLE nta_writer; CREATE ROLE nta_reader; CREATE ROLE nta_hunter.
-- Give them to the users that run the parts: GRANT nta_writer TO sink_user; GRANT nta_reader TO api_user; GRANT nta_hunter TO hunt_user.
DO $$
DECLARE
  role_name name;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['nta_writer', 'nta_reader', 'nta_hunter']::name[] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
      EXCEPTION
        WHEN insufficient_privilege THEN
          RAISE WARNING 'role % does not exist and % may not create it; ask an administrator for CREATE ROLE %, then run nta setup again',
            role_name, current_user, role_name;
          CONTINUE;
        WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
    IF NOT has_schema_privilege(role_name, current_schema(), 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role_name);
    END IF;
    IF role_name = 'nta_hunter' THEN
      GRANT SELECT ON origins, conversations, conversations_open, exceptions, nta_migrations TO nta_hunter;
      GRANT SELECT, INSERT, UPDATE, DELETE ON first_seen, hunt_episodes, hunt_outbox, hunted_timelines TO nta_hunter;
      CONTINUE;
    END IF;
    EXECUTE format('GRANT SELECT ON origins, packet_segments, unpacked_packets, packets, partitions, sink_offsets, alerts, alert_events, capture_nodes, nta_migrations,
      traffic_totals, traffic_protocols, traffic_sources, traffic_ports, conversations, conversations_open, traffic_conversations, traffic_seconds, rules_in_force,
      traffic_by_minute, traffic_by_hour, protocols_by_minute, conversations_by_minute TO %I', role_name);
    IF role_name = 'nta_writer' THEN
      GRANT INSERT ON packet_segments, conversations, origins, alert_events TO nta_writer;
      GRANT DELETE ON conversations_open TO nta_writer;
      GRANT INSERT, UPDATE, DELETE ON rules_in_force TO nta_writer;
      GRANT USAGE ON SEQUENCE packet_units TO nta_writer;
      GRANT INSERT, UPDATE ON sink_offsets, alerts, capture_nodes, traffic_totals TO nta_writer;
      GRANT INSERT, UPDATE, DELETE ON traffic_protocols, traffic_sources, traffic_ports, traffic_conversations, traffic_seconds TO nta_writer;
      GRANT UPDATE (last_write_at) ON partitions TO nta_writer;
      GRANT EXECUTE ON FUNCTION create_partition(name, timestamptz, timestamptz) TO nta_writer;
    ELSE
      -- A person resolves an alert through the API.
      GRANT UPDATE (stage, verdict, assignee, resolved_at, resolved_by, note) ON alerts TO nta_reader;
      GRANT INSERT ON alert_events TO nta_reader;
      GRANT SELECT, INSERT ON exceptions TO nta_reader;
      GRANT UPDATE (deleted_at, deleted_by, published_at) ON exceptions TO nta_reader;
      -- It looks tokens up and says what was done with them; it can make none.
      GRANT SELECT ON api_tokens, audit_log TO nta_reader;
      GRANT UPDATE (last_used_at) ON api_tokens TO nta_reader;
      GRANT INSERT ON audit_log TO nta_reader;
    END IF;
  END LOOP;
END
$$;
