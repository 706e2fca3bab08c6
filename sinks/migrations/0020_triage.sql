-- Up Migration

-- What people make of an alert. Resolved is what has resolved_at; stage says how far the others are.
ALTER TABLE alerts
  ADD COLUMN stage text NOT NULL DEFAULT 'new' CHECK (stage IN ('new', 'acknowledged', 'in_progress')),
  ADD COLUMN verdict text CHECK (verdict IN ('true_positive', 'false_positive', 'benign', 'duplicate')),
  ADD COLUMN assignee text;
COMMENT ON COLUMN alerts.stage IS 'How far people are with an alert that is not resolved.';
COMMENT ON COLUMN alerts.verdict IS 'What people take it for; null while nobody has said.';
COMMENT ON COLUMN alerts.assignee IS 'Who looks after it.';

ALTER TABLE alert_events
  ADD COLUMN before jsonb,
  ADD COLUMN after jsonb,
  ADD COLUMN undoes text;
COMMENT ON COLUMN alert_events.before IS 'Of a person''s event: what it changed, as it was.';
COMMENT ON COLUMN alert_events.after IS 'The same as it was then.';
COMMENT ON COLUMN alert_events.undoes IS 'Id of the event that this one took back.';

-- Pages of alerts go by when the threshold was crossed: that of an episode never changes, so a page neither skips nor repeats
-- an alert that goes on meanwhile.
CREATE INDEX alerts_crossed ON alerts (crossed_at, id);
