-- Up Migration

-- Alerts that are not to be published, as people made them. The API puts each on the topic exceptions and says so in published_at.
CREATE TABLE exceptions (
  id text PRIMARY KEY,
  -- Of schemas/exceptions: which alerts it is about.
  parts jsonb NOT NULL,
  expires_at timestamptz,
  note text NOT NULL,
  alert_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  deleted_at timestamptz,
  deleted_by text,
  published_at timestamptz
);
COMMENT ON TABLE exceptions IS 'Alerts that workers do not publish. A deleted one stays, for whoever asks who excepted what.';
COMMENT ON COLUMN exceptions.parts IS 'rules, sources, targets, ports, capture_nodes, sites, hours: an alert is excepted when it meets all that are there.';
COMMENT ON COLUMN exceptions.alert_id IS 'The alert it was proposed from.';
COMMENT ON COLUMN exceptions.published_at IS 'When its latest state was put on the topic exceptions; null until then.';
CREATE INDEX exceptions_pending ON exceptions (id) WHERE published_at IS NULL;
CREATE INDEX exceptions_created ON exceptions (created_at, id);
