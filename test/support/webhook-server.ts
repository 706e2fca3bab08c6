/** A receiver of webhooks that answers as a test says, over real HTTP on loopback. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly path: string;
  /** `webhook-id`. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How often this id has come, from 1. */
  readonly attempt: number;
}

/** Answers a request; one that does nothing lets the sender wait. */
export type Answering = (request: ReceivedRequest, response: ServerResponse, raw: IncomingMessage) => void;

export const accept: Answering = (_request, response) => void response.writeHead(204).end();

export class WebhookServer {
  readonly requests: ReceivedRequest[] = [];
  /** Ids that were answered with 2xx, in their order, repeats included. */
  readonly accepted: string[] = [];
  /** Connections that were opened. */
  connections = 0;
  answering: Answering = accept;
  /** Where it listens, or last did. */
  port = 0;
  private readonly server: Server;

  /** @param tls key and certificate, PEM; plain HTTP without. */
  constructor(private readonly tls?: { readonly key: string; readonly cert: string }) {
    const listener = (raw: IncomingMessage, response: ServerResponse): void => {
      const chunks: Buffer[] = [];
      raw.on('data', (chunk: Buffer) => chunks.push(chunk));
      raw.on('error', () => undefined);
      raw.on('end', () => {
        const headers = raw.headers as Record<string, string>;
        const id = headers['webhook-id'] ?? '';
        const attempt = this.requests.filter((earlier) => earlier.id === id).length + 1;
        const request = {
          path: raw.url ?? '',
          id,
          headers,
          body: Buffer.concat(chunks),
          at: performance.timeOrigin + performance.now(),
          attempt,
        };
        this.requests.push(request);
        response.on('finish', () => {
          if (response.statusCode >= 200 && response.statusCode < 300) this.accepted.push(id);
        });
        this.answering(request, response, raw);
      });
    };
    this.server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
    this.server.on('connection', () => this.connections++);
  }

  /** @param port the one it had before, or 0 for a free one. */
  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}/hook`;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
