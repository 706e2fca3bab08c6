-- Up Migration

ALTER TABLE alerts ADD COLUMN incident_id text;
COMMENT ON COLUMN alerts.incident_id IS 'nta.incident.id: the same of all alerts of one source, or of one target, of which each begins within ten minutes of the others. Null of alerts of before there were incidents.';
CREATE INDEX alerts_incident ON alerts (incident_id) WHERE incident_id IS NOT NULL;
