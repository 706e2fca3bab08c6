/**
 * Rows out as a file while they are read: few at a time, for a bounded time, ended when the client goes. A file that could not be
 * written to its end is cut off, so that nobody takes it for a whole one.
 */
import { Writable } from 'node:stream';
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import type { StreamingApi } from 'hono/utils/stream';
import type pg from 'pg';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { type ExportFormat, writeRows } from '../export/row-writer.js';
import { ApiProblem } from './problem.js';
import type { ApiBindings } from './request.js';
import type { RequestMetrics } from './request-metrics.js';

/** Downloads that run at a time; each has a connection of its own. */
export const DOWNLOADS_MAX = 3;
/** Longest time of a download. */
const TIME_MAX_MS = 30 * 60_000;
export const ROWS_MAX = 10_000_000;

export type DownloadFormat = Exclude<ExportFormat, 'parquet'>;

export const DOWNLOAD_TYPES: Readonly<Record<DownloadFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/x-ndjson',
  pcap: 'application/vnd.tcpdump.pcap',
  zeek: 'text/tab-separated-values; charset=utf-8',
};

export class Downloads {
  private running = 0;

  constructor(
    /** A connection of its own for each, without the time that a request's query may take. */
    private readonly connect: () => pg.Client,
    private readonly metrics: RequestMetrics,
    private readonly log: Logger,
  ) {}

  /**
   * @param what for the file's name and the metric: packets, conversations or alerts.
   * @throws ApiProblem 503 when as many run as may, or the database is away.
   */
  async send(
    c: Context<ApiBindings>,
    what: string,
    format: DownloadFormat,
    query: string,
    limit: number,
  ): Promise<Response> {
    if (this.running >= DOWNLOADS_MAX) {
      throw new ApiProblem(503, 'TOO_MANY_DOWNLOADS', `at most ${DOWNLOADS_MAX} downloads run at a time; try again`, {
        headers: { 'retry-after': '10' },
      });
    }
    this.running++;
    const client = this.connect();
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(
        `SET timezone TO 'UTC'; SET statement_timeout TO ${TIME_MAX_MS}; SET client_connection_check_interval TO '1s'; SET default_transaction_read_only TO on`,
      );
    } catch (error) {
      this.running--;
      await client.end().catch(() => undefined);
      throw error;
    }
    c.header('content-type', DOWNLOAD_TYPES[format]);
    c.header('content-disposition', `attachment; filename="${format === 'zeek' ? 'conn.log' : `${what}.${format}`}"`);
    c.header('x-accel-buffering', 'no');
    return stream(c, async (out) => {
      // The rows that were asked for, and no more; the order is that of the statement.
      const bounded = `SELECT * FROM (${query}) AS asked LIMIT ${limit}`;
      await this.run(c, out, client, what, format, bounded);
    });
  }

  private async run(
    c: Context<ApiBindings>,
    out: StreamingApi,
    client: pg.Client,
    what: string,
    format: DownloadFormat,
    query: string,
  ): Promise<void> {
    let gone = false;
    out.onAbort(() => {
      gone = true;
      // Nobody takes the rest: the statement ends with its connection.
      void client.end().catch(() => undefined);
    });
    let counted = 0;
    const count = (rows: number): void => {
      this.metrics.exportedRows.inc({ what, format }, rows - counted);
      counted = rows;
    };
    try {
      count(await writeRows(client, query, format, writableOf(out), count));
    } catch (error) {
      if (!gone) this.log.warn({ what, format, rows: counted, reason: messageOf(error) }, 'a download was cut off');
      c.env.outgoing?.destroy();
    } finally {
      this.running--;
      await client.end().catch(() => undefined);
    }
  }
}

/** Takes the next piece when the client has taken the one before. */
function writableOf(out: StreamingApi): Writable {
  const writable = new Writable({
    highWaterMark: 64 * 1024,
    write(chunk: Buffer, _encoding, done) {
      if (out.aborted) {
        done(new Error('the client is gone'));
        return;
      }
      out.write(chunk).then(() => done(), done);
    },
  });
  writable.on('error', () => undefined);
  return writable;
}
