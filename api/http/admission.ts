/**
 * Requests that run at a time: as many as the database answers well. The others wait, and each client in turn gets the next
 * place, so that whoever asks a thousand times at once delays itself and not the others.
 */
import type { Context, MiddlewareHandler } from 'hono';
import { isPublic } from './access.js';
import { isDownload } from './audit.js';
import { clientOf } from './failed-tokens.js';
import { ApiProblem } from './problem.js';
import type { ApiBindings } from './request.js';

export interface AdmissionLimits {
  /** Requests that run. */
  readonly running: number;
  /** Requests that wait, of all clients and of one. */
  readonly waiting: number;
  readonly waitingOfOne: number;
  readonly waitMs: number;
}

/**
 * Requests in two lanes, so that nobody waits for an alert behind those who ask for a thousand packets each: half of the places are
 * for what costs little. Of the other lane a client may have fewer waiting; whoever asks for more is refused at once.
 *
 * @param connections of the pool: a request may ask several queries at once.
 */
export function createLanes(connections: number): { readonly light: Admission; readonly heavy: Admission } {
  const running = Math.max(1, Math.floor(connections / 2));
  return {
    light: new Admission({ running, waiting: 2_000, waitingOfOne: 1_000, waitMs: 10_000 }),
    heavy: new Admission({ running, waiting: 500, waitingOfOne: 50, waitMs: 10_000 }),
  };
}

/** Packets of a page beyond which it costs much. */
const LIGHT_PACKETS = 200;

function isHeavy(c: Context<ApiBindings>): boolean {
  if (c.req.path === '/api/packets/search') return true;
  return c.req.path === '/api/packets' && !(Number(c.req.query('limit') ?? 0) <= LIGHT_PACKETS);
}

interface Waiting {
  readonly go: () => void;
}

export class Admission {
  private running = 0;
  private waitingCount = 0;
  /** Those that wait, by client; the clients in the order of their turns. */
  private readonly queues = new Map<string, Waiting[]>();

  constructor(private readonly limits: AdmissionLimits) {}

  /**
   * Resolves when the request may run, with what to call when it has.
   *
   * @throws ApiProblem 503 when too many wait, or it has waited too long.
   */
  async enter(client: string): Promise<() => void> {
    if (this.running < this.limits.running) {
      this.running++;
    } else {
      await this.wait(client);
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.leave();
    };
  }

  private wait(client: string): Promise<void> {
    const queue = this.queues.get(client) ?? [];
    if (this.waitingCount >= this.limits.waiting || queue.length >= this.limits.waitingOfOne) throw busy();
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        go: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.remove(client, entry);
        reject(busy());
      }, this.limits.waitMs);
      queue.push(entry);
      this.queues.set(client, queue);
      this.waitingCount++;
    });
  }

  private remove(client: string, entry: Waiting): void {
    const queue = this.queues.get(client);
    const at = queue?.indexOf(entry) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    this.waitingCount--;
    if (queue.length === 0) this.queues.delete(client);
  }

  /** Hands its place to the next client whose turn it is. */
  private leave(): void {
    const next = this.queues.entries().next().value;
    if (next === undefined) {
      this.running--;
      return;
    }
    const [client, queue] = next;
    const entry = queue.shift()!;
    this.waitingCount--;
    // Its next turn comes after those of the others.
    this.queues.delete(client);
    if (queue.length > 0) this.queues.set(client, queue);
    entry.go();
  }
}

function busy(): ApiProblem {
  return new ApiProblem(503, 'BUSY', 'too many requests wait for the database; try again, or raise --db-max-conn', {
    headers: { 'retry-after': '2' },
  });
}

/** What is answered without the database or has bounds of its own. */
const UNBOUNDED = new Set(['/api/health', '/api/alerts/stream']);

/** @param hasRoom whether another answer may be made while others are not read yet. */
export function admit(lanes: ReturnType<typeof createLanes>, hasRoom: () => boolean): MiddlewareHandler<ApiBindings> {
  return async (c, next) => {
    if (UNBOUNDED.has(c.req.path) || isPublic(c.req.path) || isDownload(c.req.path)) return next();
    const address = c.env?.incoming?.socket?.remoteAddress ?? '';
    const lane = isHeavy(c) ? lanes.heavy : lanes.light;
    const leave = await lane.enter(`${c.get('identity')?.name ?? ''} ${clientOf(address)}`);
    try {
      if (!hasRoom()) throw busy();
      await next();
    } finally {
      leave();
    }
  };
}
