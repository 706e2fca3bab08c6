/**
 * Packets and alerts out of the tables: CSV and JSON lines by COPY, pcap and Parquet by a cursor. Constant memory whatever the number of rows;
 * newest last.
 */

import type { Writable } from 'node:stream';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { describePostgresError, type PostgresSettings, postgresConfig } from '../../runtime/postgres/client.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { defineOptions, type Settings } from '../../runtime/process/options.js';
import { ROLE_NAMES } from '../../schemas/packets/packet-block.js';
import { SEGMENT_FIELDS, type SegmentField } from '../../schemas/tables/segment-columns.js';
import { alertQuery } from './alert-selection.js';
import { guardedText } from './csv-guard.js';
import { fieldTexts } from './export-filter.js';
import { PCAP_HEADER, type StoredPacket, writePcapRecord } from './packet-headers.js';
import { packetQuery } from './packet-selection.js';
import { ParquetFile, type ParquetValue, parquetTypes } from './parquet-file.js';

export const EXPORT_FORMATS = ['csv', 'json', 'pcap', 'parquet'] as const;

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
  filter: {
    kind: 'list',
    verbatim: true,
    env: null,
    default: [],
    placeholder: '<field=value...>',
    help: 'more conditions, in the fields of GET /api/packets or /api/alerts: tcp_flags=syn,!ack, capture_node=edge-1, min_severity=3 …; repeat the flag for another',
  },
  format: {
    kind: 'string',
    env: null,
    default: 'csv',
    choices: EXPORT_FORMATS,
    help: 'csv, json (an object a line), parquet, or pcap (packets only: headers rebuilt from what was stored, no payload)',
  },
});
export type ExportSettings = Settings<typeof exportOptions>;

const CURSOR_ROWS = 5_000;
const CURSOR = 'rows_out';
const FETCH_SQL = `FETCH ${CURSOR_ROWS} FROM ${CURSOR}`;
/** COPY's chunks hold a few hundred rows: progress need not hear of each. */
const REPORT_ROWS = 5_000;
const LINE_FEED = 10;

/** In the order in which exports have them; a field that is not named here comes behind these. */
const LEADING_FIELDS: readonly SegmentField[] = [
  'frame_length',
  'captured_length',
  'source_mac',
  'destination_mac',
  'vlan',
  'inner_vlan',
  'ether_type',
  'source',
  'destination',
  'ip_protocol',
  'ttl',
  'ip_id',
  'fragment_offset',
  'source_port',
  'destination_port',
  'tcp_flags',
  'tcp_sequence',
  'icmp_type',
  'icmp_code',
  'arp_operation',
  'role',
  'failure',
  'details',
];
const EXPORTED_FIELDS = [...new Set([...LEADING_FIELDS, ...SEGMENT_FIELDS])].filter((name) => name !== 'origin_id');

/** A field as exports show it: addresses without the length of their network, roles by name. */
function shown(name: SegmentField): string {
  if (name === 'source' || name === 'destination') return `host(${name}) AS ${name}`;
  if (name === 'role') return `(ARRAY['${ROLE_NAMES.join("', '")}'])[role + 1] AS role`;
  return name;
}

/** @param text makes a column of a text that others have written. */
const packetColumns = (text: (column: string) => string): string =>
  `captured_at, packets.id, ${text('capture_node')}, ${text('interface')}, ${EXPORTED_FIELDS.map(shown).join(', ')}`;
const PCAP_COLUMNS = `extract(epoch FROM captured_at)::numeric * 1000000 AS micros, ${EXPORTED_FIELDS.map(shown).join(', ')}`;

/**
 * Writes what is asked for; the stream is left open. `onRows` hears of the rows so far, now and then.
 *
 * @throws Failure `EXPORT_FILTER` for a condition that cannot be read, `EXPORT_FORMAT`, `EXPORT_OUTPUT`, `POSTGRES_…`.
 */
export async function exportRows(
  settings: ExportSettings & PostgresSettings,
  what: 'packets' | 'alerts',
  output: Writable,
  onRows: (rows: number) => void = () => undefined,
): Promise<number> {
  if (settings.format === 'pcap' && what !== 'packets') {
    throw new Failure('EXPORT_FORMAT', 'alerts have no packets to write as pcap: use --format csv, json or parquet');
  }
  const { from, to, source, destination, port, protocol } = settings;
  const fields = fieldTexts(settings.filter, { source, destination, port, protocol });
  const text = settings.format === 'csv' ? guardedText : (column: string): string => column;
  const columns = settings.format === 'pcap' ? PCAP_COLUMNS : packetColumns(text);
  const query = what === 'packets' ? packetQuery(columns, from, to, fields) : alertQuery(from, to, fields, text);
  // Each write hears of its failure; a stream whose event nobody takes would end the process.
  output.on('error', () => undefined);
  const client = new pg.Client(postgresConfig(settings, 'nta-export'));
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw describePostgresError(error, settings);
  }
  try {
    await client.query("SET timezone TO 'UTC'");
    if (settings.format === 'pcap') return await exportPcap(client, query, output, onRows);
    if (settings.format === 'parquet') return await exportParquet(client, query, output, onRows);
    return await copyOut(client, query, settings.format, output, onRows);
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
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function copyOut(
  client: pg.Client,
  query: string,
  format: 'csv' | 'json',
  output: Writable,
  onRows: (rows: number) => void,
): Promise<number> {
  // JSON escapes control characters, so with these as quote and delimiter COPY writes each object as it is.
  const sql =
    format === 'csv'
      ? `COPY (${query}) TO STDOUT (FORMAT csv, HEADER)`
      : `COPY (SELECT row_to_json(t) FROM (${query}) AS t) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')`;
  const stream = client.query(copyTo(sql));
  let lines = format === 'csv' ? -1 : 0;
  let reported = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    await write(output, chunk);
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) lines++;
    if (lines - reported < REPORT_ROWS) continue;
    reported = lines;
    onRows(lines);
  }
  return stream.rowCount;
}

async function exportPcap(
  client: pg.Client,
  query: string,
  output: Writable,
  onRows: (rows: number) => void,
): Promise<number> {
  await openCursor(client, query);
  await write(output, PCAP_HEADER);
  for (let total = 0; ; ) {
    const { rows } = await client.query<StoredPacket>(FETCH_SQL);
    if (rows.length === 0) return total;
    await write(output, Buffer.concat(rows.map(writePcapRecord)));
    total += rows.length;
    onRows(total);
  }
}

async function exportParquet(
  client: pg.Client,
  query: string,
  output: Writable,
  onRows: (rows: number) => void,
): Promise<number> {
  await openCursor(client, query);
  let file: ParquetFile | undefined;
  for (let total = 0; ; ) {
    const { rows, fields } = await client.query<ParquetValue[]>({
      text: FETCH_SQL,
      rowMode: 'array',
      types: parquetTypes,
    });
    file ??= new ParquetFile(fields, (bytes) => write(output, bytes));
    if (rows.length === 0) {
      await file.finish();
      return total;
    }
    await file.append(rows);
    total += rows.length;
    onRows(total);
  }
}

async function openCursor(client: pg.Client, query: string): Promise<void> {
  await client.query('BEGIN');
  await client.query(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${query}`);
}

/** Resolves when the bytes are taken. @throws Failure `EXPORT_OUTPUT` */
async function write(output: Writable, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  }).catch((error: unknown) => {
    throw new Failure(
      'EXPORT_OUTPUT',
      `the export cannot be written: ${messageOf(error)}; check that its folder is there, can be written to and has room`,
      { cause: error },
    );
  });
}
