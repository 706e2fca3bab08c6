/**
 * What clients may hold of the listener: connections, requests sent before the answers were read (pipelining, RFC 9112,
 * section 9.3.2), and bytes of answers that they do not read. Who is slow or greedy loses a connection; others do not notice.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Counter } from '../../runtime/process/metrics.js';
import type { BurstLog } from './burst-log.js';
import { clientOf } from './failed-tokens.js';

export interface ConnectionLimits {
  readonly connections: number;
  /** Requests of a connection that wait for the answers before them. */
  readonly pipelined: number;
  /** Bytes of answers that all clients together have not read. */
  readonly unreadBytes: number;
  /** A client that takes nothing of an answer for so long is gone. */
  readonly writeTimeoutMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  /** A stream of alerts is one each, of which there may be a thousand. */
  connections: 2_000,
  pipelined: 16,
  unreadBytes: 128 * 1024 * 1024,
  writeTimeoutMs: 15_000,
};

/** For `createServer`: a client that is slow to say what it wants holds its connection for seconds. */
export const SERVER_TIMEOUTS = {
  headersTimeout: 5_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 32 * 1024,
} as const;

export type ClosedReason = 'crowded' | 'pipelining' | 'unread' | 'write_timeout';

interface Connection {
  readonly socket: Socket;
  readonly client: string;
  /** The answer that is made or sent now. */
  answering: ServerResponse | null;
  /** When it last became free, or was opened. */
  freeSince: number;
  /** Requests that wait for the answer before them. */
  readonly waiting: (() => void)[];
}

export class Connections {
  private readonly connections = new Map<Socket, Connection>();

  constructor(
    private readonly closed: Counter<'reason'>,
    private readonly log: BurstLog,
    private readonly limits: ConnectionLimits = CONNECTION_LIMITS,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Holds a server that does not listen yet to the limits. */
  guard(server: Server): void {
    // A TLS server's requests come over another socket than its connections.
    const event = server instanceof TlsServer ? 'secureConnection' : 'connection';
    server.on(event, (socket: Socket) => this.accept(socket));
    server.setTimeout(this.limits.writeTimeoutMs, (socket: Socket) => {
      const answering = this.connections.get(socket)?.answering;
      // An answer that is still being made is bounded by the time of its queries.
      if (answering && !answering.headersSent) return;
      if (answering) this.close(socket, 'write_timeout', 'a client took nothing of its answer and was let go');
      else socket.destroy();
    });
  }

  /** The listener of requests: of a connection it gets one at a time, the next when the answer is on its way. */
  serially(listener: RequestListener): RequestListener {
    return (request: IncomingMessage, response: ServerResponse) => {
      // What the same bytes also asked for before the connection was closed.
      if (request.socket.destroyed) return;
      const connection = this.connections.get(request.socket) ?? this.add(request.socket);
      const answer = (): void => {
        connection.answering = response;
        response.once('close', () => {
          connection.answering = null;
          connection.freeSince = this.now();
          if (!connection.socket.destroyed) connection.waiting.shift()?.();
        });
        listener(request, response);
      };
      if (connection.answering === null) answer();
      else if (connection.waiting.length < this.limits.pipelined) connection.waiting.push(answer);
      else this.close(connection.socket, 'pipelining', 'a client asked on without reading its answers and was let go');
    };
  }

  /**
   * Whether there is room for another answer. Where there is none, those let go of first are the clients that have not read
   * the most.
   */
  hasRoom(): boolean {
    let bytes = this.unreadBytes();
    if (bytes <= this.limits.unreadBytes) return true;
    const unread = [...this.connections.keys()].filter(({ writableLength }) => writableLength > 0);
    unread.sort((a, b) => b.writableLength - a.writableLength);
    for (const socket of unread) {
      if (bytes <= this.limits.unreadBytes / 2) break;
      bytes -= socket.writableLength;
      this.close(socket, 'unread', 'answers that nobody reads filled their memory; clients were let go');
    }
    return bytes <= this.limits.unreadBytes;
  }

  unreadBytes(): number {
    let bytes = 0;
    for (const socket of this.connections.keys()) bytes += socket.writableLength;
    return bytes;
  }

  private accept(socket: Socket): void {
    if (this.connections.size >= this.limits.connections) this.makeRoom();
    if (this.connections.size < this.limits.connections) this.add(socket);
    else this.close(socket, 'crowded', 'all connections are in use; further ones were refused');
  }

  private add(socket: Socket): Connection {
    const connection: Connection = {
      socket,
      client: clientOf(socket.remoteAddress ?? ''),
      answering: null,
      freeSince: this.now(),
      waiting: [],
    };
    this.connections.set(socket, connection);
    socket.once('close', () => this.connections.delete(socket));
    return connection;
  }

  /** Of the client with the most connections the one that has been free for longest goes. */
  private makeRoom(): void {
    const free = new Map<string, { count: number; oldest: Connection }>();
    for (const connection of this.connections.values()) {
      if (connection.answering !== null) continue;
      const known = free.get(connection.client);
      if (known === undefined) free.set(connection.client, { count: 1, oldest: connection });
      else {
        known.count++;
        if (connection.freeSince < known.oldest.freeSince) known.oldest = connection;
      }
    }
    let greediest: { count: number; oldest: Connection } | undefined;
    for (const candidate of free.values()) {
      if (greediest === undefined || candidate.count > greediest.count) greediest = candidate;
    }
    if (greediest) this.close(greediest.oldest.socket, 'crowded', 'all connections are in use; idle ones were closed');
  }

  private close(socket: Socket, reason: ClosedReason, message: string): void {
    this.closed.inc({ reason });
    this.log.warn(
      `connection ${reason}`,
      { client: socket.remoteAddress, connections: this.connections.size },
      message,
    );
    this.connections.delete(socket);
    socket.destroy();
  }
}
