-- Up Migration

-- Conversations: a row each, once it has ended; and of those that are open, in a partition of their own, the latest that is known.
-- A sink deletes what is open and copies what is known now, so nothing is looked up where a conversation is short, and COPY writes
-- all of it. Columns stand by falling alignment. Postgres needs beside the row an index of time, one of each end with the time, and
-- one of the id, whose upper half is that of the Community ID.
ALTER TABLE origins ADD COLUMN site text NOT NULL DEFAULT '';
COMMENT ON COLUMN origins.site IS 'The address space that the capture node looks into (--site); 192.168.1.1 exists at every branch.';
ALTER TABLE origins DROP CONSTRAINT origins_capture_node_interface_link_type_timeline_sampling__key;
ALTER TABLE origins ADD CONSTRAINT origins_key UNIQUE (capture_node, interface, link_type, timeline, sampling, sampling_rate, site);

CREATE TABLE conversations (
  ended_at timestamptz NOT NULL,
  started_at timestamptz NOT NULL,
  last_at timestamptz,
  heard_at timestamptz,
  id bigint NOT NULL,
  originator_bytes bigint NOT NULL,
  responder_bytes bigint NOT NULL,
  originator_payload bigint NOT NULL,
  responder_payload bigint NOT NULL,
  originator_packets integer NOT NULL,
  responder_packets integer NOT NULL,
  origin_id integer NOT NULL,
  originator_port integer NOT NULL,
  responder_port integer NOT NULL,
  vlan smallint,
  ip_protocol smallint NOT NULL,
  state smallint NOT NULL,
  outcome smallint NOT NULL,
  logins_failed smallint,
  logins_succeeded smallint,
  begun boolean NOT NULL,
  originator inet NOT NULL,
  responder inet NOT NULL,
  history text,
  service text,
  names jsonb
) PARTITION BY RANGE (ended_at);
COMMENT ON TABLE conversations IS 'The packets of one 5-tuple between who began and who answered. Partitioned by the end; conversations_open holds those that had not ended when they were last heard of.';
COMMENT ON COLUMN conversations.ended_at IS 'Last packet, capture time; infinity while it is open.';
COMMENT ON COLUMN conversations.last_at IS 'Last packet so far of one that is open; null once it has ended.';
COMMENT ON COLUMN conversations.heard_at IS 'When a sink last stored it while open; null once it has ended. One whose capture node died stays open until retention takes it.';
COMMENT ON COLUMN conversations.id IS 'Upper half: the first 32 bits of its Community ID; lower half: a hash of where it was seen and when it began.';
COMMENT ON COLUMN conversations.originator IS 'Who began; where begun is false that is a guess.';
COMMENT ON COLUMN conversations.originator_bytes IS 'Bytes on the wire; originator_payload counts those above TCP, UDP or ICMP.';
COMMENT ON COLUMN conversations.originator_port IS 'Of ICMP the type; responder_port its code.';
COMMENT ON COLUMN conversations.state IS 'Zeek''s conn_state: 0 S0, 1 S1, 2 S2, 3 S3, 4 SF, 5 REJ, 6 RSTO, 7 RSTR, 8 RSTOS0, 9 RSTRH, 10 SH, 11 SHR, 12 OTH.';
COMMENT ON COLUMN conversations.outcome IS '0 unseen, 1 unanswered, 2 answered, 3 refused by RST, 4 refused by ICMP.';
COMMENT ON COLUMN conversations.history IS 'As Zeek writes it, such as ShADadFf.';
COMMENT ON COLUMN conversations.service IS 'As Zeek names it; null when unknown.';
COMMENT ON COLUMN conversations.names IS 'What was said in plain: serverName, alpn, ja4, dnsQuestion, dnsType, dnsResponseCode, dnsAnswers, httpHost, httpMethod, httpStatus, httpUserAgent, sshClient, sshServer, hassh, hasshServer, dhcpHostName, greeting, user.';

CREATE INDEX conversations_ended_at ON conversations (ended_at);
CREATE INDEX conversations_originator ON conversations (originator, ended_at);
CREATE INDEX conversations_responder ON conversations (responder, ended_at);
CREATE INDEX conversations_id ON conversations (id);
CREATE INDEX conversations_name ON conversations
  ((reverse(lower(coalesce(names ->> 'serverName', names ->> 'httpHost', names ->> 'dnsQuestion', names ->> 'dhcpHostName')))) text_pattern_ops)
  WHERE names IS NOT NULL;

CREATE TABLE conversations_open PARTITION OF conversations FOR VALUES FROM ('infinity') TO (MAXVALUE)
  WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE TABLE conversations_default PARTITION OF conversations DEFAULT;

-- Conversations, packets and bytes by service, by outcome and by pair of hosts. What is open counts as it goes, and as a conversation
-- when it ends. The largest of each bucket by bytes, the rest in one row named "other".
CREATE TABLE traffic_conversations (
  bucket timestamptz NOT NULL,
  conversations bigint NOT NULL,
  packets bigint NOT NULL,
  bytes bigint NOT NULL,
  resolution smallint NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  capture_node text NOT NULL,
  PRIMARY KEY (resolution, bucket, capture_node, kind, name)
) PARTITION BY RANGE (bucket);
COMMENT ON TABLE traffic_conversations IS 'Conversations by service, outcome and pair (kind), of each minute and each hour. Those of one kind add up to all.';
COMMENT ON COLUMN traffic_conversations.name IS 'Service ("unknown" where it is not known), outcome, or originator and responder with a space between; "other" for the rest.';
CREATE TABLE traffic_conversations_default PARTITION OF traffic_conversations DEFAULT;

INSERT INTO partitions (partition_name, parent_name, range_start, range_end)
SELECT parent || '_default', parent, '-infinity', 'infinity'
FROM unnest(ARRAY['conversations', 'traffic_conversations']) AS parent;
