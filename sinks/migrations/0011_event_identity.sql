-- Up Migration

-- A capture that is played in part and then again gives the numbers of an episode's events a second time, to other events: an
-- event is what its id says, and its number only tells the order within one run.
ALTER TABLE alert_events DROP CONSTRAINT alert_events_alert_id_sequence_key;
CREATE INDEX alert_events_alert ON alert_events (alert_id, sequence);

COMMENT ON COLUMN alerts.sequence IS 'Number of the event that stands here, the one that had come furthest.';
COMMENT ON COLUMN alert_events.sequence IS 'Number of a detector''s event in its run of the episode, null for a person''s; a capture played again may give it twice.';
