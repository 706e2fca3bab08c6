/** Rows of a statement as CSV, JSON lines, pcap, Parquet or a log of Zeek's: CSV and JSON by COPY, the others by a cursor; constant memory. */
import type { Writable } from 'node:stream';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { PCAP_HEADER, type StoredPacket, writePcapRecord } from './packet-headers.js';
import { ParquetFile, type ParquetValue, parquetTypes } from './parquet-file.js';
import { type ZeekRow, zeekHead, zeekLine, zeekTail } from './zeek-log.js';

export const EXPORT_FORMATS = ['csv', 'json', 'pcap', 'parquet', 'zeek'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const CURSOR_ROWS = 5_000;
const CURSOR = 'rows_out';
const FETCH_SQL = `FETCH ${CURSOR_ROWS} FROM ${CURSOR}`;
/** COPY's chunks hold a few hundred rows: progress need not hear of each. */
const REPORT_ROWS = 5_000;
const LINE_FEED = 10;

/**
 * Writes the rows; the stream is left open. The client's time zone is UTC, and it is in no transaction.
 *
 * @param onRows hears of the rows so far, now and then.
 * @throws Failure `EXPORT_OUTPUT`, `EXPORT_LOST`, errors of Postgres.
 */
export async function writeRows(
  client: pg.ClientBase,
  query: string,
  format: ExportFormat,
  output: Writable,
  onRows: (rows: number) => void,
): Promise<number> {
  // COPY's stream says nothing when its connection goes.
  let onEnd = (): void => undefined;
  const lost = new Promise<never>((_, reject) => {
    onEnd = () => reject(new Failure('EXPORT_LOST', 'the connection to Postgres went while rows were read; try again'));
    client.once('end', onEnd);
  });
  lost.catch(() => undefined);
  try {
    const writing = write(client, query, format, output, onRows);
    writing.catch(() => undefined);
    return await Promise.race([writing, lost]);
  } finally {
    client.off('end', onEnd);
  }
}

function write(
  client: pg.ClientBase,
  query: string,
  format: ExportFormat,
  output: Writable,
  onRows: (rows: number) => void,
): Promise<number> {
  if (format === 'pcap') return exportPcap(client, query, output, onRows);
  if (format === 'zeek') return exportZeek(client, query, output, onRows);
  if (format === 'parquet') return exportParquet(client, query, output, onRows);
  return copyOut(client, query, format, output, onRows);
}

async function copyOut(
  client: pg.ClientBase,
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
    await put(output, chunk);
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) lines++;
    if (lines - reported < REPORT_ROWS) continue;
    reported = lines;
    onRows(lines);
  }
  return stream.rowCount;
}

async function exportPcap(
  client: pg.ClientBase,
  query: string,
  output: Writable,
  onRows: (rows: number) => void,
): Promise<number> {
  await openCursor(client, query);
  await put(output, PCAP_HEADER);
  for (let total = 0; ; ) {
    const { rows } = await client.query<StoredPacket>(FETCH_SQL);
    if (rows.length === 0) return total;
    await put(output, Buffer.concat(rows.map(writePcapRecord)));
    total += rows.length;
    onRows(total);
  }
}

async function exportZeek(
  client: pg.ClientBase,
  query: string,
  output: Writable,
  onRows: (rows: number) => void,
): Promise<number> {
  await openCursor(client, query);
  await put(output, Buffer.from(zeekHead(new Date())));
  for (let total = 0; ; ) {
    const { rows } = await client.query<ZeekRow>(FETCH_SQL);
    if (rows.length === 0) {
      await put(output, Buffer.from(zeekTail(new Date())));
      return total;
    }
    await put(output, Buffer.from(rows.map(zeekLine).join('')));
    total += rows.length;
    onRows(total);
  }
}

async function exportParquet(
  client: pg.ClientBase,
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
    file ??= new ParquetFile(fields, (bytes) => put(output, bytes));
    if (rows.length === 0) {
      await file.finish();
      return total;
    }
    await file.append(rows);
    total += rows.length;
    onRows(total);
  }
}

async function openCursor(client: pg.ClientBase, query: string): Promise<void> {
  await client.query('BEGIN');
  await client.query(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${query}`);
}

/** Resolves when the bytes are taken. @throws Failure `EXPORT_OUTPUT` */
async function put(output: Writable, bytes: Buffer): Promise<void> {
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
