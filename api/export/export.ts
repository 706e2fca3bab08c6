/**
 * Packets, conversations and alerts out of the tables: CSV and JSON lines by COPY, pcap and Parquet by a cursor. Constant memory whatever the number of rows;
 * newest last.
 */

import type { Writable } from 'node:stream';
import { type PostgresSettings, withPostgres } from '../../runtime/postgres/client.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { defineOptions, type Settings } from '../../runtime/process/options.js';
import { type AlertSelection, selectionOfAlert, underWay } from './alert-evidence.js';
import { alertConditions, alertQuery } from './alert-selection.js';
import { conversationConditions, conversationQuery } from './conversation-selection.js';
import { fieldTexts } from './export-filter.js';
import { columnsFor, textFor } from './packet-columns.js';
import { packetFilter, packetQuery } from './packet-selection.js';
import { EXPORT_FORMATS, writeRows } from './row-writer.js';

/** What is plainly no time is refused before anything connects; Postgres has the last word on the rest. */
const time = {
  kind: 'string',
  env: null,
  default: '',
  placeholder: '<time>',
  pattern: {
    test: /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|[+-]\d\d(:?\d\d)?)?)?$/i,
    description: 'a time in ISO 8601, such as 2026-01-31T09:30:00Z',
  },
} as const;
const field = { kind: 'string', env: null, default: '' } as const;

export const exportOptions = defineOptions({
  from: { ...time, help: 'earliest time, ISO 8601' },
  to: { ...time, help: 'time behind the latest, ISO 8601' },
  source: { ...field, placeholder: '<address>', help: 'source address or network' },
  destination: { ...field, placeholder: '<address>', help: 'destination address or network' },
  port: {
    ...field,
    placeholder: '<port>',
    help: 'source or destination port or range; of alerts the destination port',
  },
  protocol: {
    ...field,
    placeholder: '<name>',
    help: 'tcp, udp, icmp, arp, dns …, an IP protocol number or an EtherType such as 0x88cc; packets only',
  },
  alert: {
    ...field,
    placeholder: '<id>',
    help: 'packets or conversations behind this alert: between its ends, from its first packet to its last',
  },
  filter: {
    kind: 'list',
    verbatim: true,
    env: null,
    default: [],
    placeholder: '<field=value...>',
    help: 'more conditions, in the fields of GET /api/packets, /api/conversations or /api/alerts: tcp_flags=syn,!ack, capture_node=edge-1, min_severity=3 …; repeat the flag for another',
  },
  search: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<search>',
    help: 'a search, as the API takes it: src 10.0.0.0/8 and (port 443 or dns.name ~ "*.example.org") and not proto icmp',
  },
  format: {
    kind: 'string',
    env: null,
    default: 'csv',
    choices: EXPORT_FORMATS,
    help: 'csv, json (an object a line), parquet, pcap (packets only: headers rebuilt from what was stored, no payload), or zeek (conversations only: a conn.log)',
  },
});
export type ExportSettings = Settings<typeof exportOptions>;

export const EXPORTED_THINGS = ['packets', 'conversations', 'alerts'] as const;
export type ExportedThing = (typeof EXPORTED_THINGS)[number];

/** @throws Failure `EXPORT_FORMAT`, `EXPORT_FILTER` */
function checkFormat({ format, alert }: ExportSettings, what: ExportedThing): void {
  if (alert !== '' && what === 'alerts') {
    throw new Failure(
      'EXPORT_FILTER',
      '--alert: is of packets and conversations; alerts themselves are selected by --filter and --search',
    );
  }
  if (format === 'pcap' && what !== 'packets') {
    throw new Failure('EXPORT_FORMAT', `${what} have no packets to write as pcap: use --format csv, json or parquet`);
  }
  if (format === 'zeek' && what !== 'conversations') {
    throw new Failure('EXPORT_FORMAT', `${what} are no log of Zeek’s: use --format zeek for conversations`);
  }
}

/**
 * Writes what is asked for; the stream is left open. `onRows` hears of the rows so far, now and then.
 *
 * @throws Failure `EXPORT_FILTER` for a condition that cannot be read, `EXPORT_FORMAT`, `EXPORT_OUTPUT`, `POSTGRES_…`.
 */
export async function exportRows(
  settings: ExportSettings & PostgresSettings,
  what: ExportedThing,
  output: Writable,
  onRows: (rows: number) => void = () => undefined,
): Promise<number> {
  checkFormat(settings, what);
  const { from, to, source, destination, port, protocol } = settings;
  const fields = fieldTexts(settings.filter, { source, destination, port, protocol });
  const queryOf = (alert: AlertSelection | null): string => {
    const search = alert === null ? settings.search : bothOf(alert.search, settings.search);
    if (what === 'packets') {
      const filter = packetFilter(fields, search);
      return packetQuery(columnsFor(settings.format), from || (alert?.from ?? ''), to || (alert?.to ?? ''), filter);
    }
    if (what === 'alerts') return alertQuery(from, to, alertConditions(fields, search), textFor(settings.format));
    const conditions = [...conversationConditions(fields, search), ...(alert === null ? [] : [underWay(alert)])];
    return conversationQuery(settings.format, from || (alert?.from ?? ''), to, conditions);
  };
  const query = queryOf(null); // what cannot be read is refused before anything connects
  // Each write hears of its failure; a stream whose event nobody takes would end the process.
  output.on('error', () => undefined);
  try {
    return await withPostgres(settings, 'nta-export', async (client) => {
      await client.query("SET timezone TO 'UTC'");
      const asked = settings.alert === '' ? query : queryOf(await selectionOfAlert(client, settings.alert));
      return writeRows(client, asked, settings.format, output, onRows);
    });
  } catch (error) {
    const state = (error as { code?: string }).code;
    if (state !== '22P02' && state !== '22007' && state !== '22008') throw error;
    throw new Failure(
      'EXPORT_FILTER',
      `a filter cannot be read: ${messageOf(error)}; give times as ISO 8601, addresses as 192.0.2.1 or 192.0.2.0/24`,
      {
        cause: error,
      },
    );
  }
}

function bothOf(one: string, other: string): string {
  return other.trim() === '' ? one : `(${one}) and (${other})`;
}
