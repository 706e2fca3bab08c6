/**
 * Changes of alerts as they are stored, for any number of clients over one connection to Postgres (LISTEN). Events are made
 * once, as Server-Sent Events (WHATWG HTML, section 9.2), and handed to every client:
 *
 * - `alert`: an alert as it is when it is read, its id the place in the feed. Changes that follow quickly become one.
 * - `reset`: changes may have been missed, or nothing is known of the place that a client names; from here on changes
 *   follow, so whoever wants all of it reads the list now.
 *
 * The connection is made for the first client and kept for a while after the last. While it is away clients get nothing
 * but comments, and a `reset` once it is back.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { messageOf } from '../runtime/process/failure.js';
import { GrowingDelay } from '../runtime/process/growing-delay.js';
import type { Logger } from '../runtime/process/log.js';
import type { Gauge } from '../runtime/process/metrics.js';
import { ALERT_CHANNEL, alertIdsOf } from '../schemas/alerts/alert-channel.js';
import { ApiProblem } from './http/problem.js';
import { findAlertsById } from './queries/alert-query.js';
import type { Alert, AlertRow } from './views/alert-view.js';

export const FEED_CLIENTS_MAX = 1_000;
/** Events kept for clients that come back. */
const HISTORY_MAX = 1_000;
/** Events that a client may be behind before it is let go; it comes back and names the last one it got. */
const BACKLOG_MAX = 1_000;
/** Alerts asked for in one query, and waiting to be asked for. */
const QUERY_IDS_MAX = 500;
const WAITING_IDS_MAX = 10_000;
/**
 * Least time between two readings of changed alerts. The first is pushed at once; a page that draws each of 40 changes a
 * second takes a third of a core.
 */
const READ_INTERVAL_MS = 200;
/** A proxy lets a silent connection go after a minute or less, and our own listener after `writeTimeoutMs`, which has to be longer. */
export const HEARTBEAT_MS = 8_000;
const LINGER_MS = 60_000;
const RECONNECT_FIRST_MS = 500;
const RECONNECT_LAST_MS = 15_000;
/** How often the connection is tried: a server that vanished without a word is noticed. */
const PROBE_MS = 15_000;

interface FeedEvent {
  readonly sequence: number;
  readonly text: string;
}

/** What one client gets. */
export class FeedClient {
  private readonly backlog: string[] = [];
  private wake: (() => void) | null = null;
  private closed = false;

  constructor(
    /** Who it is of, for a fair share. */
    readonly owner: string,
    private readonly onClose: () => void,
  ) {}

  /** The next piece of the stream, a comment after a while of silence, or null at the end. */
  async next(): Promise<string | null> {
    if (this.backlog.length === 0 && !this.closed) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, HEARTBEAT_MS);
      });
      clearTimeout(timer);
      this.wake = null;
    }
    if (this.backlog.length > 0) return this.backlog.splice(0).join('');
    return this.closed ? null : ': \n\n';
  }

  push(text: string): void {
    if (this.closed) return;
    this.backlog.push(text);
    if (this.backlog.length > BACKLOG_MAX) this.close();
    this.wake?.();
  }

  /** What it has not got yet is not sent any more when it was too slow; otherwise it is. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.backlog.length > BACKLOG_MAX) this.backlog.length = 0;
    this.onClose();
    this.wake?.();
  }
}

export class AlertFeed {
  private readonly clients = new Set<FeedClient>();
  private readonly history: FeedEvent[] = [];
  /** Tells the places of this connection from those of another one, or of another server. */
  private epoch = '';
  private sequence = 0;
  private readonly waiting = new Set<string>();
  private reading = false;
  private listening: AbortController | null = null;
  private linger: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly pool: pg.Pool,
    /** A connection of the feed's own, not yet open. */
    private readonly connect: () => pg.Client,
    private readonly log: Logger,
    /** Set to the number of clients. */
    private readonly streams: Gauge,
    /** An alert as lists show it. */
    private readonly view: (row: AlertRow) => Alert,
  ) {}

  /**
   * @param lastEventId of the last event that the client got, empty for none.
   * @param owner who asks. Where all places are taken, who has the most gives one to who has fewer.
   * @throws ApiProblem 503 when there are too many clients.
   */
  subscribe(lastEventId: string, owner: string): FeedClient {
    if (this.stopped || (this.clients.size >= FEED_CLIENTS_MAX && !this.makeRoom(owner))) {
      throw new ApiProblem(
        503,
        'TOO_MANY_STREAMS',
        `at most ${FEED_CLIENTS_MAX} clients are served; ask for the list`,
        {
          headers: { 'retry-after': '30' },
        },
      );
    }
    const client: FeedClient = new FeedClient(owner, () => this.unsubscribe(client));
    this.clients.add(client);
    this.streams.set(this.clients.size);
    clearTimeout(this.linger);
    if (this.epoch !== '') this.catchUp(client, lastEventId);
    if (this.listening === null) {
      this.listening = new AbortController();
      void this.listen(this.listening.signal);
    }
    return client;
  }

  /** Closes the oldest stream of whoever has the most, unless that would leave them with fewer than who asks. */
  private makeRoom(owner: string): boolean {
    const counts = new Map<string, number>();
    for (const client of this.clients) counts.set(client.owner, (counts.get(client.owner) ?? 0) + 1);
    const [greediest = '', most = 0] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0] as [string, number]);
    if (most <= (counts.get(owner) ?? 0) + 1) return false;
    for (const client of this.clients) {
      if (client.owner !== greediest) continue;
      client.close();
      return true;
    }
    return false;
  }

  /** Ends every stream and the connection. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.linger);
    for (const client of [...this.clients]) client.close();
    clearTimeout(this.linger);
    this.listening?.abort();
  }

  private unsubscribe(client: FeedClient): void {
    this.clients.delete(client);
    this.streams.set(this.clients.size);
    if (this.clients.size > 0) return;
    this.linger = setTimeout(() => {
      this.listening?.abort();
      this.listening = null;
      this.epoch = '';
    }, LINGER_MS);
    this.linger.unref();
  }

  private catchUp(client: FeedClient, lastEventId: string): void {
    const [epoch, place] = lastEventId.split('.');
    const sequence = Number(place);
    const oldest = this.history[0]?.sequence ?? this.sequence + 1;
    if (epoch !== this.epoch || !(sequence >= oldest - 1 && sequence <= this.sequence)) {
      client.push(this.resetText());
      return;
    }
    for (const event of this.history) if (event.sequence > sequence) client.push(event.text);
  }

  private resetText(): string {
    return `event: reset\ndata: {}\nid: ${this.epoch}.${this.sequence}\n\n`;
  }

  private async listen(signal: AbortSignal): Promise<void> {
    const delay = new GrowingDelay(RECONNECT_FIRST_MS, RECONNECT_LAST_MS);
    while (!signal.aborted) {
      try {
        await this.listenOnce(signal, () => delay.reset());
      } catch (error) {
        this.log.warn({ reason: messageOf(error) }, 'alerts are not pushed to dashboards for now; they ask for them');
      }
      if (signal.aborted) return; // another one may listen already
      this.epoch = '';
      await sleep(delay.next(), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Listens until the connection breaks or `signal` says stop. */
  private async listenOnce(signal: AbortSignal, onListening: () => void): Promise<void> {
    const client = this.connect();
    let giveUp = (): void => undefined;
    const ended = new Promise<void>((resolve, reject) => {
      giveUp = resolve;
      client.on('error', reject);
      client.on('end', resolve);
    });
    signal.addEventListener('abort', giveUp);
    ended.catch(() => undefined);
    let probe: NodeJS.Timeout | undefined;
    try {
      await Promise.race([client.connect(), ended]);
      client.on('notification', ({ payload }) => this.take(alertIdsOf(payload)));
      await Promise.race([client.query(`LISTEN ${ALERT_CHANNEL}`), ended]);
      if (signal.aborted) return;
      onListening();
      this.begin();
      await new Promise<void>((resolve, reject) => {
        ended.then(resolve, reject);
        probe = setInterval(() => client.query('SELECT 1').catch(reject), PROBE_MS);
      });
    } finally {
      clearInterval(probe);
      signal.removeEventListener('abort', giveUp);
      await client.end().catch(() => undefined);
    }
  }

  /** A new connection: what was before it is not known. */
  private begin(): void {
    this.epoch = randomUUID().slice(0, 8);
    this.reset();
  }

  private reset(): void {
    this.sequence++;
    this.history.length = 0;
    for (const client of this.clients) client.push(this.resetText());
  }

  private take(ids: readonly string[] | null): void {
    if (ids === null || this.waiting.size + ids.length > WAITING_IDS_MAX) {
      this.waiting.clear();
      this.reset();
      return;
    }
    for (const id of ids) this.waiting.add(id);
    if (!this.reading) void this.readWaiting();
  }

  /** What is announced until the next reading is read together. */
  private async readWaiting(): Promise<void> {
    this.reading = true;
    while (this.waiting.size > 0 && !this.stopped) {
      const ids = [...this.waiting].slice(0, QUERY_IDS_MAX);
      for (const id of ids) this.waiting.delete(id);
      try {
        for (const row of await findAlertsById(this.pool, ids)) this.publish(JSON.stringify(this.view(row)));
      } catch (error) {
        this.log.warn({ reason: messageOf(error) }, 'changed alerts could not be read; dashboards ask for them');
        this.reset();
      }
      if (this.waiting.size < QUERY_IDS_MAX) await sleep(READ_INTERVAL_MS);
    }
    this.reading = false;
  }

  private publish(alert: string): void {
    const sequence = ++this.sequence;
    const text = `event: alert\ndata: ${alert}\nid: ${this.epoch}.${sequence}\n\n`;
    this.history.push({ sequence, text });
    if (this.history.length > HISTORY_MAX) this.history.shift();
    for (const client of this.clients) client.push(text);
  }
}
