/** What a hunt reads from Postgres, and what it remembers there (sinks/migrations/0030_hunt.sql). */
import type pg from 'pg';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { OUTCOME_ANSWERED } from '../../schemas/conversations/conversation.js';
import type { ExceptionParts } from '../../schemas/exceptions/alert-exception.js';
import { QuotedValues } from '../../schemas/tables/sql-values.js';
import type { DetectionRule } from '../contract/rule.js';
import { EPHEMERAL_PORT_MIN, SERVICE_PROTOCOLS } from '../detectors/first-seen.js';
import { AlertExceptionList } from '../rules/alert-exceptions.js';
import type { News, ToldEpisode } from './continuation.js';
import type { OutboxEvent } from './hunt-publisher.js';
import { isPrivate, questionOf } from './questions.js';
import { STORED_COLUMNS, type StoredConversation } from './stored-conversations.js';

/** Conversations of one site and timeline, in a time. µs. */
export interface Scope {
  readonly timeline: string;
  readonly site: string;
  /** Ids of origins with the name of their capture node. */
  readonly nodes: ReadonlyMap<number, string>;
  readonly from: number;
  readonly to: number;
  /** A replay that has come to its end. */
  readonly over: boolean;
}

/** Rows fetched at once. */
const FETCH_ROWS = 2000;
const HOUR_MICROS = 3600e6;
/** What `first_seen` and `hunt_episodes` forget after, days. */
const REMEMBERED_DAYS = 90;
/** So that two hunts never work at once: any number that nothing else of the database uses. */
const LOCK = 7_201_884_411;

const toTime = (micros: number): string => `to_timestamp(${(micros / 1e6).toFixed(6)})`;
const toMicros = (column: string): string => `(extract(epoch FROM ${column}) * 1000000)::bigint::text`;

interface OriginRow {
  readonly id: number;
  readonly capture_node: string;
  readonly timeline: string;
  readonly site: string;
}

interface HuntedTimeline {
  readonly timeline: string;
  readonly site: string;
  readonly conversations: string;
  readonly over: boolean;
}

export class HuntStore {
  constructor(private readonly client: pg.ClientBase) {}

  /** Whether no other hunt is at work; held until the connection ends. */
  async lock(): Promise<boolean> {
    const { rows } = await this.client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [LOCK]);
    return rows[0]!.locked;
  }

  /**
   * Live traffic up to now, site by site, and replays that have grown since they were hunted last, up to where they have come.
   *
   * @param endReplays whether a replay ends where it has come to, even if it has just grown
   * @param notes false looks at all replays, and remembers nothing
   */
  async scopes(hours: number, endReplays: boolean, notes = true): Promise<readonly Scope[]> {
    const { rows: origins } = await this.client.query<OriginRow>(
      'SELECT id, capture_node, timeline, site FROM origins ORDER BY timeline, site, id',
    );
    const groups = new Map<string, OriginRow[]>();
    for (const origin of origins) {
      const key = JSON.stringify([origin.timeline, origin.site]);
      groups.set(key, [...(groups.get(key) ?? []), origin]);
    }
    const live = [...groups.values()].filter((own) => own[0]!.timeline === '');
    const replays = [...groups.values()].filter((own) => own[0]!.timeline !== '');
    return [
      ...(live.length === 0 ? [] : await this.liveScopes(live, hours)),
      ...(replays.length === 0 ? [] : await this.replayScopes(replays, hours, endReplays, notes)),
    ];
  }

  private async liveScopes(groups: readonly OriginRow[][], hours: number): Promise<Scope[]> {
    const { rows } = await this.client.query<{ now: string }>(`SELECT ${toMicros('now()')} AS now`);
    const to = Number(rows[0]!.now);
    return groups.map((own) => scopeOf(own, to - hours * HOUR_MICROS, to, false));
  }

  private async replayScopes(
    groups: readonly OriginRow[][],
    hours: number,
    end: boolean,
    notes: boolean,
  ): Promise<Scope[]> {
    const hunted = notes ? await this.huntedTimelines() : [];
    const before = new Map(hunted.map((row) => [JSON.stringify([row.timeline, row.site]), row]));
    const waiting = groups.filter((own) => before.get(keyOf(own))?.over !== true);
    if (waiting.length === 0) return [];
    const ids = waiting.flat().map(({ id }) => id);
    const { rows } = await this.client.query<{ origin_id: number; last: string; conversations: string }>(
      `SELECT origin_id, ${toMicros('max(coalesce(last_at, ended_at))')} AS last, count(*)::text AS conversations
       FROM conversations WHERE origin_id = ANY($1::integer[]) GROUP BY origin_id`,
      [ids],
    );
    const found = new Map(rows.map((row) => [row.origin_id, row]));
    const scopes: Scope[] = [];
    for (const own of waiting) {
      const counts = own.flatMap(({ id }) => found.get(id) ?? []);
      if (counts.length === 0) continue;
      const to = Math.max(...counts.map(({ last }) => Number(last)));
      const conversations = counts.reduce((sum, row) => sum + BigInt(row.conversations), 0n);
      const same = before.get(keyOf(own))?.conversations === String(conversations);
      scopes.push(scopeOf(own, to - hours * HOUR_MICROS, to, end || same));
      if (!notes) continue;
      await this.client.query(
        `INSERT INTO hunted_timelines (timeline, site, conversations, last_at, over) VALUES ($1, $2, $3, ${toTime(to)}, false)
         ON CONFLICT (timeline, site) DO UPDATE SET conversations = excluded.conversations, last_at = excluded.last_at`,
        [own[0]!.timeline, own[0]!.site, String(conversations)],
      );
    }
    return scopes;
  }

  private async huntedTimelines(): Promise<readonly HuntedTimeline[]> {
    const { rows } = await this.client.query<HuntedTimeline>(
      'SELECT timeline, site, conversations::text, over FROM hunted_timelines',
    );
    return rows;
  }

  /** The conversations of a scope that the rules have to see, in the order of their ends. */
  async *conversations(scope: Scope, rules: readonly DetectionRule[]): AsyncGenerator<StoredConversation> {
    const values = new QuotedValues();
    const rows = rowsOf(scope);
    const window = { rows, seconds: (scope.to - scope.from) / 1e6 };
    const question = questionOf(rules, window)(values);
    yield* this.cursor(`SELECT ${STORED_COLUMNS} FROM conversations WHERE ${rows} AND (${question})
      ORDER BY coalesce(last_at, ended_at), started_at, id`);
  }

  /** First sights as conversations, the oldest first: of live traffic all that is remembered, of a replay those in it. */
  async *firstSeen(scope: Scope): AsyncGenerator<StoredConversation> {
    if (scope.timeline === '') {
      await this.remember(scope);
      const values = new QuotedValues();
      yield* this.cursor(`${firstSeenSelect('first_seen', `site = ${values.add(scope.site, 'text')}`)}`);
    } else {
      yield* this.cursor(
        firstSeenSelect(`(${sightsIn(rowsOf({ ...scope, from: Number.NEGATIVE_INFINITY }))}) AS sights`, 'true'),
      );
    }
  }

  /** Notes who and what was seen. The first time it looks through all that is stored. */
  private async remember(scope: Scope): Promise<void> {
    const { rows } = await this.client.query<{ known: boolean }>(
      'SELECT EXISTS (SELECT FROM first_seen WHERE site = $1) AS known',
      [scope.site],
    );
    const from = rows[0]!.known ? scope.from : Number.NEGATIVE_INFINITY;
    await this.client.query(
      `INSERT INTO first_seen (first_at, last_at, origin_id, host, peer, ip_protocol, port, site)
       SELECT first_at, last_at, origin_id, host, peer, ip_protocol, port, $1 FROM (${sightsIn(rowsOf({ ...scope, from }))}) AS sights
       ON CONFLICT (site, host, ip_protocol, port) DO UPDATE SET last_at = excluded.last_at
       WHERE first_seen.last_at < excluded.last_at`,
      [scope.site],
    );
    await this.client.query(
      `DELETE FROM first_seen WHERE site = $1 AND last_at < now() - interval '${REMEMBERED_DAYS} days'`,
      [scope.site],
    );
  }

  /** Episodes that a scope's alerts may go on with. */
  async told(): Promise<readonly ToldEpisode[]> {
    await this.client.query(`DELETE FROM hunt_episodes WHERE hunted_at < now() - interval '${REMEMBERED_DAYS} days'`);
    const { rows } = await this.client.query<{
      id: string;
      identity: string;
      timeline: string;
      document: AlertDocument;
      first: string;
      last: string;
      open: boolean;
    }>(
      `SELECT id, identity, timeline, document, ${toMicros('first_at')} AS first, ${toMicros('last_at')} AS last, open
       FROM hunt_episodes ORDER BY id`,
    );
    return rows.map(({ first, last, ...row }) => ({ ...row, firstSeen: Number(first), lastSeen: Number(last) }));
  }

  /** Those that people made through the API, and have not deleted. */
  async exceptions(onRefused: (id: string, reason: string) => void): Promise<AlertExceptionList> {
    const { rows } = await this.client.query<{ id: string; parts: ExceptionParts; expires: Date | null }>(
      'SELECT id, parts, expires_at AS expires FROM exceptions WHERE deleted_at IS NULL ORDER BY id',
    );
    return new AlertExceptionList(
      rows.map(({ id, parts, expires }) => ({ id, ...parts, expires_at: expires?.toISOString() })),
      onRefused,
    );
  }

  /** Runs whose events are still in the outbox, the oldest first. */
  async outbox(): Promise<ReadonlyMap<bigint, readonly OutboxEvent[]>> {
    const { rows } = await this.client.query<{ run: string; key: string; value: string }>(
      'SELECT run::text, key, value FROM hunt_outbox ORDER BY run, position',
    );
    const runs = new Map<bigint, OutboxEvent[]>();
    for (const { run, key, value } of rows) {
      const own = runs.get(BigInt(run));
      if (own === undefined) runs.set(BigInt(run), [{ key, value }]);
      else own.push({ key, value });
    }
    return runs;
  }

  async dropOutbox(run: bigint): Promise<void> {
    await this.client.query('DELETE FROM hunt_outbox WHERE run = $1', [String(run)]);
  }

  /** Makes a run's news true, all or nothing. */
  async keep(run: bigint, { events, episodes }: News, ended: readonly Scope[]): Promise<readonly OutboxEvent[]> {
    const outbox = events.map((event) => ({ key: event.source.address, value: JSON.stringify(event) }));
    await this.client.query('BEGIN');
    try {
      for (const episode of episodes) {
        const { id, identity, timeline, document, open } = episode;
        await this.client.query(
          `INSERT INTO hunt_episodes (id, identity, timeline, document, first_at, last_at, open)
           VALUES ($1, $2, $3, $4, ${toTime(episode.firstSeen)}, ${toTime(episode.lastSeen)}, $5)
           ON CONFLICT (id) DO UPDATE SET document = excluded.document, first_at = excluded.first_at, last_at = excluded.last_at,
             open = excluded.open, hunted_at = now()`,
          [id, identity, timeline, JSON.stringify(document), open],
        );
      }
      await this.client.query(
        `INSERT INTO hunt_outbox (run, position, key, value)
         SELECT $1, position, key, value FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS events (key, value, position)`,
        [String(run), outbox.map(({ key }) => key), outbox.map(({ value }) => value)],
      );
      for (const { timeline, site } of ended) {
        await this.client.query('UPDATE hunted_timelines SET over = true WHERE timeline = $1 AND site = $2', [
          timeline,
          site,
        ]);
      }
      await this.client.query('COMMIT');
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
    return outbox;
  }

  private async *cursor(statement: string): AsyncGenerator<StoredConversation> {
    await this.client.query('BEGIN');
    try {
      await this.client.query(`DECLARE hunted NO SCROLL CURSOR FOR ${statement}`);
      for (;;) {
        const { rows } = await this.client.query<StoredConversation>(`FETCH ${FETCH_ROWS} FROM hunted`);
        yield* rows;
        if (rows.length < FETCH_ROWS) break;
      }
      await this.client.query('COMMIT');
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

function keyOf(own: readonly OriginRow[]): string {
  return JSON.stringify([own[0]!.timeline, own[0]!.site]);
}

function scopeOf(own: readonly OriginRow[], from: number, to: number, over: boolean): Scope {
  const { timeline, site } = own[0]!;
  return { timeline, site, nodes: new Map(own.map((row) => [row.id, row.capture_node])), from, to, over };
}

/** Rows of a scope: what ended in its time, and what is open and was heard of in it. */
function rowsOf({ nodes, from, to }: Scope): string {
  const origins = new QuotedValues().add([...nodes.keys()], 'integer[]');
  const since = Number.isFinite(from) ? toTime(from) : "'-infinity'::timestamptz";
  return `origin_id = ANY(${origins}) AND ended_at >= ${since} AND (ended_at <= ${toTime(to)} OR last_at >= ${since})`;
}

/** Hosts and services that conversations show: who spoke to whom first. */
function sightsIn(rows: string): string {
  const side = (host: string, peer: string, protocol: string, port: string, more: string): string =>
    `SELECT DISTINCT ON (host, ip_protocol, port) min(started_at) OVER w AS first_at, max(started_at) OVER w AS last_at, origin_id,
       host, peer, ip_protocol, port FROM (
       SELECT started_at, origin_id, ${host} AS host, ${peer} AS peer, ${protocol}::smallint AS ip_protocol, ${port} AS port FROM conversations
       WHERE ${rows} AND outcome = ${OUTCOME_ANSWERED} AND ${isPrivate(host)}${more}) AS seen
     WINDOW w AS (PARTITION BY host, ip_protocol, port)
     ORDER BY host, ip_protocol, port, started_at, peer`;
  const all = [
    side('originator', 'responder', '0', '0', ''),
    side('responder', 'originator', '0', '0', ''),
    side(
      'responder',
      'originator',
      'ip_protocol',
      'responder_port',
      ` AND begun AND ip_protocol IN (${SERVICE_PROTOCOLS.join()}) AND responder_port < ${EPHEMERAL_PORT_MIN}`,
    ),
  ];
  return `SELECT DISTINCT ON (host, ip_protocol, port) min(first_at) OVER w AS first_at, max(last_at) OVER w AS last_at, origin_id,
    host, peer, ip_protocol, port FROM (${all.map((part) => `(${part})`).join(' UNION ALL ')}) AS parts
    WINDOW w AS (PARTITION BY host, ip_protocol, port)
    ORDER BY host, ip_protocol, port, first_at, peer`;
}

/** As conversations of no length. A host without a port began it, as far as anybody has to know. */
function firstSeenSelect(table: string, condition: string): string {
  const of = (whenHost: string, else_: string): string =>
    `CASE WHEN ip_protocol = 0 THEN ${whenHost} ELSE ${else_} END`;
  return `SELECT origin_id, true AS ended, ${toMicros('first_at')} AS start, ${toMicros('first_at')} AS last,
    host(${of('host', 'peer')}) AS originator, host(${of('peer', 'host')}) AS responder, 0 AS originator_port, port AS responder_port,
    ip_protocol, NULL AS vlan, true AS begun, ${OUTCOME_ANSWERED} AS outcome, 4 AS state, 0 AS originator_packets, 0 AS responder_packets, '0' AS originator_bytes,
    '0' AS responder_bytes, '0' AS originator_payload, '0' AS responder_payload, 0 AS logins_failed, 0 AS logins_succeeded, '' AS history,
    '' AS service, NULL AS names FROM ${table} WHERE ${condition} ORDER BY first_at, ip_protocol, host, port`;
}
