/** Alerts of a stored site, and what there is to ask of it. */
import type pg from 'pg';
import { communityIdOf } from '../../schemas/tables/conversation-table.js';

/** Values to ask for. Times are ISO 8601. */
export interface SiteFacts {
  readonly from: string;
  readonly middle: string;
  readonly to: string;
  readonly busyClients: readonly string[];
  readonly quietClients: readonly string[];
  readonly busyServers: readonly string[];
  readonly names: readonly string[];
  readonly fingerprints: readonly string[];
  readonly communities: readonly string[];
  readonly ids: readonly string[];
  readonly alerts: readonly string[];
  readonly incidents: readonly string[];
}

type Sql = <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<pg.QueryResult<Row>>;

/** Alerts of the busier clients over the time, four an incident, a third of them resolved. */
export async function storeSiteAlerts(sql: Sql, alerts: number, from: number, to: number): Promise<void> {
  await sql(
    `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, close_reason, sequence, source, source_ip,
       destination_ip, destination_port, technique_ids, capture_nodes, message, crossed_at, first_seen, last_seen, packets, evidence,
       document, incident_id, resolved_at)
     SELECT 'alert-' || n, rule, initcap(replace(rule, '-', ' ')), '1', 1 + n % 5, CASE n % 10 WHEN 0 THEN 'open' ELSE 'closed' END,
       CASE n % 10 WHEN 0 THEN NULL ELSE 'quiet' END, 1 + n % 3, source, source::inet, ('198.18.0.' || n % 250)::inet, 443,
       ARRAY[CASE n % 3 WHEN 0 THEN 'T1046' WHEN 1 THEN 'T1110' ELSE 'T1071' END], '{edge-1}', rule || ' by ' || source, crossed,
       crossed - interval '20 s', crossed + interval '90 s', 40 + n % 1000, evidence,
       jsonb_build_object('event', jsonb_build_object('action', 'open', 'reason', rule), 'nta', jsonb_build_object('alert',
         jsonb_build_object('id', 'alert-' || n, 'evidence', evidence)), 'padding', repeat('x', 1500)),
       'incident-' || n / 4, CASE n % 3 WHEN 0 THEN crossed + interval '1 hour' END
     FROM (
       SELECT n, (ARRAY['port-scan', 'syn-flood', 'brute-force', 'beacon', 'new-service'])[1 + n % 5] AS rule,
         '10.0.' || (1 + n % 11) || '.' || (n / 7 % 250) AS source,
         to_timestamp($2::float8 / 1000) + n * (($3::float8 - $2) / 1000 / $1) * interval '1 s' AS crossed,
         jsonb_build_object('packets', 40 + n % 1000, 'peak', 40, 'rate', 12.5, 'ports', jsonb_build_object('distinct', 40,
           'sample', jsonb_build_array(21, 22, 23, 25, 80, 443))) AS evidence
       FROM generate_series(1, $1::int) AS n
     ) AS made`,
    [alerts, from, to],
  );
  await sql(
    `INSERT INTO alert_events (id, alert_id, sequence, action, occurred_at, document)
     SELECT id || '-' || step, id, step, CASE step WHEN 1 THEN 'open' ELSE 'update' END, crossed_at, document
     FROM alerts, generate_series(1, sequence) AS step`,
  );
  await sql('VACUUM ANALYZE alerts');
  await sql('VACUUM ANALYZE alert_events');
}

/** Of a site that `storeSite` has stored. */
export async function gatherFacts(sql: Sql): Promise<SiteFacts> {
  const one = async (text: string): Promise<string[]> => {
    const { rows } = await sql<{ value: string }>(text);
    if (rows.length === 0) throw new Error(`nothing to ask for: ${text}`);
    return rows.map(({ value }) => value);
  };
  const { rows } = await sql<{ from: Date; to: Date }>(
    'SELECT min(first_at) AS "from", max(last_at) AS "to" FROM packet_segments',
  );
  const [from, to] = [rows[0]!.from.getTime(), rows[0]!.to.getTime() + 1];
  const iso = (ms: number): string => new Date(ms).toISOString();
  const numbered = (first: number, many: number, address: (n: number) => string): string[] =>
    Array.from({ length: many }, (_, n) => address(first + n));
  const client = (n: number): string => `10.0.${1 + (n >> 8)}.${n & 255}`;
  const sample = await sql<{
    id: string;
    originator: string;
    responder: string;
    ports: [number, number];
    protocol: number;
  }>(
    `SELECT id::text, host(originator) AS originator, host(responder) AS responder, ARRAY[originator_port, responder_port] AS ports,
       ip_protocol AS protocol FROM conversations TABLESAMPLE SYSTEM (5) LIMIT 200`,
  );
  return {
    from: iso(from),
    middle: iso((from + to) / 2),
    to: iso(to),
    busyClients: numbered(0, 40, client),
    quietClients: numbered(2_400, 200, client),
    busyServers: numbered(0, 40, (n) => `198.18.0.${n}`),
    names: numbered(0, 3_000, (n) => `www.site-${n * 5}.example`),
    fingerprints: await one(
      `SELECT DISTINCT names ->> 'ja4' AS value FROM conversations TABLESAMPLE SYSTEM (5) WHERE names ? 'ja4'`,
    ),
    ids: sample.rows.map(({ id }) => id),
    communities: sample.rows.map(({ originator, responder, ports, protocol }) =>
      communityIdOf(originator, responder, ports[0], ports[1], protocol),
    ),
    alerts: await one('SELECT id AS value FROM alerts ORDER BY crossed_at DESC LIMIT 50'),
    incidents: await one('SELECT DISTINCT incident_id AS value FROM alerts LIMIT 50'),
  };
}
