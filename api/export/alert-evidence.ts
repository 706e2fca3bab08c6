/** What an alert was raised by: packets and conversations between its ends, from its first to its last. */
import type pg from 'pg';
import { Failure } from '../../runtime/process/failure.js';
import { type AlertDocument, formatTimestamp } from '../../schemas/alerts/alert.js';
import type { Condition } from '../../schemas/tables/sql-values.js';

/** More targets, or nodes, than this are not asked for by name. */
const NAMED_MAX = 20;

export interface AlertSelection {
  /** In the search language, which packets and conversations share. */
  readonly search: string;
  /** ISO 8601; `to` is behind the last. */
  readonly from: string;
  readonly to: string;
}

/** @throws Failure `EXPORT_FILTER` for an alert that there is none of, and for one of which no address is known */
export async function selectionOfAlert(client: pg.ClientBase, id: string): Promise<AlertSelection> {
  const { rows } = await client.query<{ document: AlertDocument }>('SELECT document FROM alerts WHERE id = $1', [id]);
  const document = rows[0]?.document;
  if (document === undefined)
    throw new Failure(
      'EXPORT_FILTER',
      `--alert ${id}: there is no such alert; nta export alerts lists those there are`,
    );
  const ends = searchOfEnds(document);
  if (ends === null)
    throw new Failure(
      'EXPORT_FILTER',
      `--alert ${id}: it names no address to select by; give --from, --to and --search`,
    );
  const { first_seen: from, last_seen: last } = document.nta.alert.evidence;
  const nodes = document.observer.name.filter((node) => node !== '');
  const where = nodes.length === 0 || nodes.length > NAMED_MAX ? '' : ` and node ${nodes.map(quoted).join(',')}`;
  return { search: `(${ends})${where}`, from, to: behind(last) };
}

/** The conversations that were under way in a time, whenever they ended. */
export function underWay({ from, to }: AlertSelection): Condition {
  return (sql) =>
    `started_at < ${sql.add(to, 'timestamptz')} AND coalesce(last_at, ended_at) >= ${sql.add(from, 'timestamptz')}`;
}

function searchOfEnds({ source, destination, nta }: AlertDocument): string | null {
  const { targets } = nta.alert.evidence;
  const port = destination?.port === undefined ? '' : ` and port ${destination.port}`;
  if (source.ip !== undefined && destination?.ip !== undefined) return `${between(source.ip, [destination.ip])}${port}`;
  if (source.ip !== undefined) {
    const isAll = targets !== undefined && targets.distinct === targets.sample.length && targets.distinct <= NAMED_MAX;
    const others = isAll ? targets.sample.filter(isAddress) : [];
    return `${others.length > 0 ? between(source.ip, others) : anyOf(source.ip)}${port}`;
  }
  if (destination?.ip !== undefined) return `${anyOf(destination.ip)}${port}`;
  return source.mac === undefined ? null : `source_mac ${source.mac}`;
}

const isAddress = (text: string): boolean => /^[0-9a-f:.]+$/i.test(text);
const anyOf = (address: string): string => `(src ${address} or dst ${address})`;
const between = (one: string, others: readonly string[]): string =>
  `((src ${one} and dst ${others.join(',')}) or (src ${others.join(',')} and dst ${one}))`;
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** A microsecond later. */
function behind(timestamp: string): string {
  return formatTimestamp(Math.floor(Date.parse(timestamp) / 1000) * 1e6 + Number(timestamp.slice(20, 26)) + 1);
}
