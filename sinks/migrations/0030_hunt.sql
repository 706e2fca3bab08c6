-- Up Migration

-- What `nta hunt` remembers: which hosts and services it has met, which alerts it has told of, and what of them is on its way to Kafka.
CREATE TABLE first_seen (
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  origin_id integer NOT NULL,
  port integer NOT NULL,
  ip_protocol smallint NOT NULL,
  host inet NOT NULL,
  peer inet NOT NULL,
  site text NOT NULL,
  PRIMARY KEY (site, host, ip_protocol, port)
);
COMMENT ON TABLE first_seen IS 'Inside hosts, and services that they answered on, of live traffic. Ninety days after it was last seen a row goes.';
COMMENT ON COLUMN first_seen.ip_protocol IS '0 for the host itself; its port is 0, too.';
COMMENT ON COLUMN first_seen.peer IS 'With whom the first conversation was.';

CREATE TABLE hunt_episodes (
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  hunted_at timestamptz NOT NULL DEFAULT now(),
  open boolean NOT NULL,
  id text PRIMARY KEY,
  identity text NOT NULL,
  timeline text NOT NULL,
  document jsonb NOT NULL
);
COMMENT ON TABLE hunt_episodes IS 'Alerts of nta hunt, so that a later hunt goes on with them under the same id.';
COMMENT ON COLUMN hunt_episodes.identity IS 'Rule, site, and who did it to whom.';
COMMENT ON COLUMN hunt_episodes.document IS 'Its latest event as published.';
CREATE INDEX hunt_episodes_identity ON hunt_episodes (identity);
CREATE INDEX hunt_episodes_open ON hunt_episodes (timeline) WHERE open;

CREATE TABLE hunt_outbox (
  run bigint NOT NULL,
  position integer NOT NULL,
  key text NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (run, position)
);
COMMENT ON TABLE hunt_outbox IS 'Alert events between Postgres and Kafka, whose transaction of them commits the run''s number for the group nta-hunt: what is here with a higher one has not been published.';

CREATE TABLE hunted_timelines (
  last_at timestamptz NOT NULL,
  conversations bigint NOT NULL,
  timeline text NOT NULL,
  site text NOT NULL,
  over boolean NOT NULL,
  PRIMARY KEY (timeline, site)
);
COMMENT ON TABLE hunted_timelines IS 'Replayed captures that have been hunted, and how far; one that has not grown since is over.';
