-- Up Migration

CREATE TABLE rules_in_force (
  processor text NOT NULL,
  part text NOT NULL,
  configuration text NOT NULL,
  version text NOT NULL,
  sent_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  interval_ms integer NOT NULL,
  rules jsonb NOT NULL,
  PRIMARY KEY (processor, part, configuration)
);
COMMENT ON TABLE rules_in_force IS 'The rules that each processor had in force when it last said so; silent for a day, it is forgotten.';
COMMENT ON COLUMN rules_in_force.part IS 'worker or hunt: each has rules of its own.';
COMMENT ON COLUMN rules_in_force.configuration IS 'File of its configuration; empty for the defaults.';
COMMENT ON COLUMN rules_in_force.received_at IS 'By the clock of Postgres, or when Kafka took it where that was long before.';
COMMENT ON COLUMN rules_in_force.rules IS 'As schemas/nodes/rules-in-force.ts has them.';
