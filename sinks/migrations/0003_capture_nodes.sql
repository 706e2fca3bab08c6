-- Up Migration

CREATE TABLE capture_nodes (
  capture_node text PRIMARY KEY,
  version text NOT NULL,
  started_at timestamptz NOT NULL,
  sent_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  interval_ms integer NOT NULL,
  stopped boolean NOT NULL,
  status jsonb NOT NULL
);
COMMENT ON TABLE capture_nodes IS 'The latest heartbeat of each capture node.';
COMMENT ON COLUMN capture_nodes.sent_at IS 'By the node''s clock.';
COMMENT ON COLUMN capture_nodes.received_at IS 'When the sink received it, by the clock of Postgres; a node''s age is counted from here, so that a wrong clock on the node does not make it look silent.';
COMMENT ON COLUMN capture_nodes.status IS 'The heartbeat whole, schemas/capture-node.ts.';
