-- Up Migration

CREATE TABLE api_tokens (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  role text NOT NULL CHECK (role IN ('reader', 'analyst', 'admin')),
  digest bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
COMMENT ON TABLE api_tokens IS 'Tokens of people and programs, made by nta token. A name is given once, also after its token was revoked: the audit log names it.';
COMMENT ON COLUMN api_tokens.digest IS 'SHA-256 of the token, which is 32 random bytes: nobody can get back to it.';
COMMENT ON COLUMN api_tokens.last_used_at IS 'To the minute.';

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  role text NOT NULL,
  address text NOT NULL,
  method text NOT NULL,
  path text NOT NULL,
  status smallint NOT NULL,
  request_id text NOT NULL
);
COMMENT ON TABLE audit_log IS 'What was changed, or tried to be, and taken out through the API, and which tokens were made and revoked; what became of an alert is in alert_events.';
COMMENT ON COLUMN audit_log.actor IS 'Name of the token; api for the one of NTA_API_TOKEN, cli:USER for the command nta.';
CREATE INDEX audit_log_at ON audit_log (at, id);
