/**
 * A syslog receiver over TCP or TLS (RFC 6587, RFC 5425), on one connection that is kept. Syslog has no answer: a message counts
 * as delivered when the kernel has taken it, and the receiver's may still lose it with the connection. So what was written
 * shortly before a connection breaks is written again on the next one; a receiver tells repeats by the event's id.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { messageOf } from '../../../runtime/process/failure.js';
import type { Verdict } from '../output.js';
import type { SyslogEndpoint } from './options.js';

/** Messages younger than this when a connection breaks are written again, ms; and so many of them at most. */
const REPEAT_MS = 5_000;
const REPEAT_MAX = 1_000;

interface WrittenMessage {
  readonly frame: Buffer;
  readonly at: number;
}

export class StreamReceiver {
  private socket: Socket | null = null;
  private recent: WrittenMessage[] = [];

  constructor(
    private readonly endpoint: SyslogEndpoint,
    private readonly timeoutMs: number,
  ) {}

  async send(message: Buffer): Promise<Verdict> {
    const frame = this.frameOf(message);
    try {
      const socket = this.socket ?? (await this.open());
      await this.write(socket, frame);
    } catch (error) {
      this.drop();
      const isLate = error instanceof Late;
      return { kind: 'away', reason: isLate ? 'timeout' : 'connection', detail: messageOf(error) };
    }
    const now = performance.now();
    this.recent.push({ frame, at: now });
    if (this.recent.length > REPEAT_MAX || now - this.recent[0]!.at > 2 * REPEAT_MS) this.forgetOld(now);
    return { kind: 'delivered' };
  }

  close(): void {
    // What is written goes out: the socket ends in order.
    const { socket } = this;
    this.socket = null;
    socket?.end();
    setTimeout(() => socket?.destroy(), 1_000).unref();
  }

  private frameOf(message: Buffer): Buffer {
    return this.endpoint.octetCounting
      ? Buffer.concat([Buffer.from(`${message.length} `), message])
      : Buffer.concat([message, Buffer.from('\n')]);
  }

  private async open(): Promise<Socket> {
    const socket = await this.connect();
    this.socket = socket;
    const gone = (): void => {
      if (this.socket === socket) this.drop();
    };
    socket.on('close', gone);
    socket.on('end', gone);
    socket.on('data', () => undefined); // whatever it says; otherwise its end would not be seen
    socket.setKeepAlive(true, 10_000);
    this.forgetOld(performance.now());
    for (const { frame } of this.recent) await this.write(socket, frame);
    return socket;
  }

  private connect(): Promise<Socket> {
    const { transport, host, port, ca, cert, key } = this.endpoint;
    const isSecure = transport === 'tls';
    return new Promise((resolve, reject) => {
      const socket = isSecure
        ? connectSecurely({
            host,
            port,
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert, key }),
          })
        : connect({ host, port });
      const timer = setTimeout(() => socket.destroy(new Late(this.timeoutMs)), this.timeoutMs);
      socket.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.on('error', () => undefined); // `close` follows
        resolve(socket);
      });
    });
  }

  /** Resolves when the kernel has taken all of it. */
  private write(socket: Socket, frame: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(new Late(this.timeoutMs)), this.timeoutMs);
      const closed = (): void => {
        clearTimeout(timer);
        reject(socket.errored ?? new Error('it closed the connection'));
      };
      socket.once('close', closed);
      socket.write(frame, (error) => {
        clearTimeout(timer);
        socket.off('close', closed);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  private drop(): void {
    const { socket } = this;
    this.socket = null;
    socket?.destroy();
    this.forgetOld(performance.now());
  }

  /** What is older has long arrived. */
  private forgetOld(now: number): void {
    this.recent = this.recent.filter(({ at }) => now - at <= REPEAT_MS).slice(-REPEAT_MAX);
  }
}

class Late extends Error {
  constructor(timeoutMs: number) {
    super(`it took nothing within ${timeoutMs / 1000} s`);
  }
}
