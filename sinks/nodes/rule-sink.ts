/** Stores what processors say on the topic `rules`: the latest of each in the table rules_in_force. */
import type { KafkaMessage } from 'kafkajs';
import type pg from 'pg';
import { RULE_PARTS, type RulesInForce } from '../../schemas/nodes/rules-in-force.js';
import { storable } from '../packets/origin-dictionary.js';
import { storableJson } from '../packets/packet-details.js';
import { type Announced, storeAnnounced } from './announcements.js';

/** More are no rules of ours. */
const RULES_MAX = 10_000;

const RULES: Announced<RulesInForce> = {
  isValid: (told) =>
    typeof told.processor === 'string' &&
    RULE_PARTS.includes(told.part) &&
    typeof told.configuration === 'string' &&
    typeof told.version === 'string' &&
    Number.isInteger(told.interval_ms) &&
    !Number.isNaN(Date.parse(told.sent_at)) &&
    Array.isArray(told.rules) &&
    told.rules.length <= RULES_MAX &&
    told.rules.every((rule: unknown) => typeof (rule as { id?: unknown } | null)?.id === 'string'),
  statement: (told, receivedAt) => ({
    name: 'nta-rules',
    text: `INSERT INTO rules_in_force (processor, part, configuration, version, sent_at, received_at, interval_ms, rules)
      VALUES ($1, $2, $3, $4, $5, coalesce(to_timestamp($6::double precision), now()), $7, $8)
      ON CONFLICT (processor, part, configuration) DO UPDATE SET version = excluded.version, sent_at = excluded.sent_at,
        received_at = excluded.received_at, interval_ms = excluded.interval_ms, rules = excluded.rules`,
    values: [
      storable(told.processor),
      told.part,
      storable(told.configuration),
      storable(told.version),
      told.sent_at,
      receivedAt,
      told.interval_ms,
      storableJson(told.rules),
    ],
  }),
};

/** @returns how many could not be read; they are told again within a minute. */
export async function storeRules(client: pg.ClientBase, messages: readonly KafkaMessage[]): Promise<number> {
  const unreadable = await storeAnnounced(client, messages, RULES);
  await client.query(`DELETE FROM rules_in_force WHERE received_at < now() - interval '1 day'`);
  return unreadable;
}
