/** The receiver of a webhook, over one connection that is kept. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { messageOf } from '../../../runtime/process/failure.js';
import { projectVersion } from '../../../runtime/process/project.js';
import type { AlertEvent, AlertReceiver, Verdict } from '../output.js';
import { parseRetryAfter, verdictOf, type WebhookAnswer } from './answer.js';
import type { WebhookEndpoint } from './options.js';
import { signatures } from './signature.js';

/** Most that is read of an answer, which is thrown away; beyond it the connection is. */
const ANSWER_BYTES_MAX = 64 * 1024;

export class WebhookReceiver implements AlertReceiver {
  private readonly agent: HttpAgent;
  private readonly secure: boolean;

  constructor(
    private readonly endpoint: WebhookEndpoint,
    private readonly timeoutMs: number,
  ) {
    this.secure = endpoint.url.protocol === 'https:';
    const options = { keepAlive: true, maxSockets: 1 };
    this.agent = this.secure
      ? new HttpsAgent({ ...options, ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }) })
      : new HttpAgent(options);
  }

  /** As logs may show it: without the path and the password, which may be secrets. */
  get address(): string {
    return this.endpoint.url.origin;
  }

  async deliver({ id, body }: AlertEvent): Promise<Verdict> {
    const first = await this.attempt(id, body);
    // The receiver had closed the idle connection when it was used again: nothing is wrong with it.
    return verdictOf(first === 'stale' ? ((await this.attempt(id, body)) as WebhookAnswer) : first);
  }

  close(): void {
    this.agent.destroy();
  }

  private attempt(id: string, body: Buffer): Promise<WebhookAnswer | 'stale'> {
    return new Promise((resolve) => {
      const request = this.open(id, body);
      let status: number | null = null;
      let retryAfterMs: number | null = null;
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        request.destroy();
      }, this.timeoutMs);
      // Once, after whichever end: an answer read whole, cut off, or none.
      request.once('close', () => {
        clearTimeout(timer);
        if (status !== null) resolve({ status, retryAfterMs });
        else if (late)
          resolve({ status: null, reason: 'timeout', message: `no answer within ${this.timeoutMs / 1000} s` });
        else resolve({ status: null, reason: 'connection', message: 'it closed the connection without an answer' });
      });
      request.once('error', (error: NodeJS.ErrnoException) => {
        if (status !== null || late) return;
        if (request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) resolve('stale');
        else resolve({ status: null, reason: 'connection', message: messageOf(error) });
      });
      request.once('response', (response: IncomingMessage) => {
        status = response.statusCode ?? 0;
        retryAfterMs = parseRetryAfter(response.headers['retry-after'], Date.now());
        discard(response);
      });
      request.end(body);
    });
  }

  private open(id: string, body: Buffer): ClientRequest {
    const { url, keys } = this.endpoint;
    const seconds = Math.floor(Date.now() / 1000);
    return (this.secure ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      agent: this.agent,
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        'user-agent': `nta/${projectVersion}`,
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        ...(keys.length === 0 ? {} : { 'webhook-signature': signatures(keys, id, seconds, body) }),
      },
    });
  }
}

/** Reads an answer to its end, so that the connection can be used again, or gives it up when it is too long. */
function discard(response: IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => undefined);
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) response.destroy();
  });
}
