/**
 * One hunt: stored conversations in, alerts out, exactly once. Whatever came of earlier hunts is settled first; then every scope (live
 * traffic of a site, a replay) is looked through by the same engine and the same detectors as `nta analyze` has; what is news is kept in
 * Postgres in one transaction, and published from there. Killed at any moment, the next hunt goes on where this one was.
 */

import type { Kafka } from 'kafkajs';
import { type PostgresSettings, withPostgres } from '../../runtime/postgres/client.js';
import type { Logger } from '../../runtime/process/log.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { PacketOrigin } from '../../schemas/packets/packet-block.js';
import { groupName, topicName } from '../../schemas/topics.js';
import type { AlertExceptions } from '../contract/alert-exceptions.js';
import type { DetectionRules } from '../contract/rule.js';
import type { EngineLimits } from '../engine/engine.js';
import { Continuation } from './continuation.js';
import type { HuntMetrics } from './hunt-metrics.js';
import { HuntPass } from './hunt-pass.js';
import { HuntPublisher } from './hunt-publisher.js';
import { HuntStore, type Scope } from './hunt-store.js';
import { FIRST_SEEN_RULES } from './questions.js';
import { ConversationRow, type StoredConversation } from './stored-conversations.js';

export interface HunterOptions {
  readonly kafka: Kafka;
  readonly postgres: PostgresSettings;
  readonly topicPrefix: string;
  readonly rules: () => Promise<DetectionRules>;
  readonly limits: EngineLimits;
  readonly hours: number;
  /** Whether replays end where they have come to. */
  readonly endReplays: boolean;
  readonly log: Logger;
  readonly metrics: HuntMetrics;
}

export interface HuntResult {
  /** Whether another hunt was at work, so that this one did nothing. */
  readonly busy: boolean;
  readonly conversations: number;
  /** Published by this hunt, in this order. */
  readonly events: readonly AlertDocument[];
}

export async function hunt(options: HunterOptions): Promise<HuntResult> {
  const groupId = groupName('hunt', options.topicPrefix);
  const publisher = new HuntPublisher(options.kafka, groupId, topicName('alerts', options.topicPrefix));
  return withPostgres(options.postgres, 'nta-hunt', async (client) => {
    try {
      await client.query("SET timezone TO 'UTC'");
      const store = new HuntStore(client);
      if (!(await store.lock())) return { busy: true, conversations: 0, events: [] };
      const published = await settle(store, publisher);
      return await lookThrough(store, publisher, published + 1n, options);
    } finally {
      await publisher.stop().catch(() => undefined);
    }
  });
}

/** Publishes what an earlier hunt has kept and not published. Gives the number of the last run. */
async function settle(store: HuntStore, publisher: HuntPublisher): Promise<bigint> {
  let last = await publisher.start();
  for (const [run, events] of await store.outbox()) {
    if (run > last) {
      await publisher.publish(run, events);
      last = run;
    }
    await store.dropOutbox(run);
  }
  return last;
}

async function lookThrough(
  store: HuntStore,
  publisher: HuntPublisher,
  run: bigint,
  options: HunterOptions,
): Promise<HuntResult> {
  const rules = await options.rules();
  const continuation = new Continuation(await store.told());
  const exceptions = await store.exceptions((id, reason) =>
    options.log.error({ exception: id }, `an exception cannot be used: ${reason}`),
  );
  continuation.closeExcepted(exceptions);
  const scopes = await store.scopes(options.hours, options.endReplays);
  let conversations = 0;
  for (const scope of scopes)
    conversations += await huntScope(store, scope, { ...options, ...rules, exceptions }, continuation);
  const { news } = continuation;
  const ended = scopes.filter(({ over }) => over);
  if (news.episodes.length > 0 || ended.length > 0) {
    const outbox = await store.keep(run, news, ended);
    if (outbox.length > 0) {
      await publisher.publish(run, outbox);
      await store.dropOutbox(run);
    }
  }
  options.metrics.took(conversations, news.events);
  return { busy: false, conversations, events: news.events };
}

async function huntScope(
  store: HuntStore,
  scope: Scope,
  { rules, limits, exceptions }: DetectionRules & Pick<HunterOptions, 'limits'> & { exceptions: AlertExceptions },
  continuation: Continuation,
): Promise<number> {
  const slow = rules.filter(({ detector }) => !FIRST_SEEN_RULES.has(detector.id));
  const firsts = rules.filter(({ detector }) => FIRST_SEEN_RULES.has(detector.id));
  let conversations = 0;
  const passes: [DetectionRules, AsyncGenerator<StoredConversation>][] = [];
  if (slow.length > 0) passes.push([{ rules: slow }, store.conversations(scope, slow)]);
  if (firsts.length > 0) passes.push([{ rules: firsts }, store.firstSeen(scope)]);
  for (const [own, rows] of passes) {
    const { alerts, taken } = await runPass(rows, own, limits, scope, exceptions);
    conversations += taken;
    // What is remembered is older than what is looked through, and was told of then.
    continuation.take(
      alerts.filter(({ nta }) => Date.parse(nta.alert.evidence.last_seen) * 1000 >= scope.from),
      scope.timeline,
    );
  }
  if (!scope.over) continuation.closeQuiet(scope.timeline, scope.site, scope.to);
  return conversations;
}

/** Feeds conversations of a scope to an engine of its own. */
export async function runPass(
  rows: AsyncIterable<StoredConversation>,
  rules: DetectionRules,
  limits: EngineLimits,
  scope: Scope,
  exceptions: AlertExceptions,
): Promise<{ readonly alerts: readonly AlertDocument[]; readonly taken: number }> {
  const pass = new HuntPass(rules, limits, scope.timeline, [...new Set(scope.nodes.values())], exceptions);
  const origins = new Map([...scope.nodes].map(([id, node]) => [id, originOf(scope, node)]));
  const row = new ConversationRow();
  let taken = 0;
  for await (const stored of rows) {
    pass.take(row.set(stored, origins.get(stored.origin_id) ?? originOf(scope, '')));
    taken++;
  }
  return { alerts: pass.finish(scope.over ? null : scope.to), taken };
}

function originOf({ timeline, site }: Scope, captureNode: string): PacketOrigin {
  return {
    captureNode,
    interface: '',
    linkType: 0,
    timeline,
    sampling: 'none',
    samplingRate: 1,
    site,
  };
}
