-- Up Migration

CREATE TABLE alerts (
  id text PRIMARY KEY,
  rule_id text NOT NULL,
  rule_name text NOT NULL,
  rule_version text NOT NULL,
  severity smallint NOT NULL CHECK (severity BETWEEN 1 AND 5),
  status text NOT NULL CHECK (status IN ('open', 'closed')),
  close_reason text,
  sequence integer NOT NULL,
  source text NOT NULL,
  source_ip inet,
  source_mac macaddr,
  destination_ip inet,
  destination_port integer,
  technique_ids text[] NOT NULL,
  capture_nodes text[] NOT NULL,
  message text NOT NULL,
  crossed_at timestamptz NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  packets bigint NOT NULL,
  evidence jsonb NOT NULL,
  document jsonb NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  resolved_by text,
  note text
);
COMMENT ON TABLE alerts IS 'The current state of each episode: what its latest event said, and what people made of it.';
COMMENT ON COLUMN alerts.id IS 'Of the episode, nta.alert.id: the same packets give the same id.';
COMMENT ON COLUMN alerts.status IS 'What the detector says: open until a quiet window has passed. Whether a person is done with it is resolved_at.';
COMMENT ON COLUMN alerts.sequence IS 'Number of the latest event of the episode; an event with a lower one changes nothing.';
COMMENT ON COLUMN alerts.source IS 'The key of the record: an IP address as text, or a MAC.';
COMMENT ON COLUMN alerts.crossed_at IS 'Capture time at which the threshold was first crossed.';
COMMENT ON COLUMN alerts.packets IS 'Packets that counted towards the detection so far.';
COMMENT ON COLUMN alerts.evidence IS 'nta.alert.evidence of the latest event.';
COMMENT ON COLUMN alerts.document IS 'The latest event whole, Elastic Common Schema.';
COMMENT ON COLUMN alerts.stored_at IS 'When the sink first stored the episode, by the clock of Postgres.';
COMMENT ON COLUMN alerts.resolved_at IS 'Set by a person through the API; the sink never touches it, nor resolved_by nor note.';

-- Lists are newest first, by page: (last_seen, id). The other filters narrow few rows, so they have no index but source.
CREATE INDEX alerts_last_seen ON alerts (last_seen, id);
CREATE INDEX alerts_source ON alerts (source_ip, last_seen);
CREATE INDEX alerts_open ON alerts (source) WHERE status = 'open';

CREATE TABLE alert_events (
  id text PRIMARY KEY,
  alert_id text NOT NULL REFERENCES alerts ON DELETE CASCADE,
  sequence integer,
  action text NOT NULL,
  occurred_at timestamptz NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now(),
  actor text,
  note text,
  document jsonb,
  UNIQUE (alert_id, sequence)
);
COMMENT ON TABLE alert_events IS 'The history of each episode: the detector''s events (open, update, close) and what people did (resolve, reopen, note).';
COMMENT ON COLUMN alert_events.id IS 'event.id of a detector''s event; any unique text for a person''s.';
COMMENT ON COLUMN alert_events.sequence IS 'Number of a detector''s event in its episode; null for a person''s.';
COMMENT ON COLUMN alert_events.occurred_at IS 'Capture time of a detector''s event; time of the clock for a person''s.';
COMMENT ON COLUMN alert_events.actor IS 'Who did it; null for the detector.';
COMMENT ON COLUMN alert_events.document IS 'The event whole, Elastic Common Schema; null for a person''s.';
