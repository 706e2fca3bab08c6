/**
 * The named tokens as the API knows them: all that are in force, read again every few seconds while anybody asks. So a wrong
 * token costs the database nothing, and a revoked one is refused within these seconds.
 */
import type pg from 'pg';
import { digestOf } from '../../runtime/process/bearer-token.js';
import { messageOf } from '../../runtime/process/failure.js';
import type { BurstLog } from '../http/burst-log.js';
import type { Identity, Role } from '../http/identity.js';
import { query } from '../pool.js';
import { TOKEN_FORM } from './token-store.js';

export const REFRESH_MS = 2_000;
/** While the database is away, who got in before still does. */
const STALE_MS = 300_000;
const TOKENS_MAX = 10_000;
const USE_INTERVAL_MS = 60_000;

interface KnownToken {
  readonly id: string;
  readonly identity: Identity;
  /** Milliseconds since the epoch; infinite for none. */
  readonly expiresAt: number;
  usedAt: number;
}

export class TokenDirectory {
  private known = new Map<string, KnownToken>();
  private readAt = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | null = null;

  constructor(
    private readonly pool: pg.Pool,
    private readonly log: BurstLog,
    private readonly now: () => number,
  ) {}

  /** Whose token it is; null for one that is unknown, revoked or expired. */
  async find(token: string): Promise<Identity | null> {
    if (!TOKEN_FORM.test(token)) return null;
    await this.refresh();
    // The digest of 32 random bytes: how long it takes to find says nothing that helps to guess one.
    const found = this.known.get(digestOf(token).toString('hex'));
    if (found === undefined || found.expiresAt <= this.now()) return null;
    this.markUsed(found);
    return found.identity;
  }

  /** Whose token of this id it is; null when it is not in force any more. */
  async findById(id: string): Promise<Identity | null> {
    await this.refresh();
    const now = this.now();
    for (const known of this.known.values()) {
      if (known.id === id) return known.expiresAt > now ? known.identity : null;
    }
    return null;
  }

  /** The id of a token that `find` knows. */
  async idOf(token: string): Promise<string> {
    await this.refresh();
    return this.known.get(digestOf(token).toString('hex'))?.id ?? '';
  }

  /** Whether any is in force. */
  async exist(): Promise<boolean> {
    await this.refresh();
    const now = this.now();
    for (const { expiresAt } of this.known.values()) if (expiresAt > now) return true;
    return false;
  }

  private async refresh(): Promise<void> {
    const age = this.now() - this.readAt;
    // A clock that was set back is no reason to know nothing new.
    if (age >= 0 && age < REFRESH_MS) return;
    this.reading ??= this.read().finally(() => {
      this.reading = null;
    });
    await this.reading;
  }

  private async read(): Promise<void> {
    const startedAt = this.now();
    try {
      const { rows } = await query<{ id: string; name: string; role: Role; digest: Buffer; expires_at: string | null }>(
        this.pool,
        'SELECT id, name, role, digest, expires_at FROM api_tokens WHERE revoked_at IS NULL ORDER BY created_at DESC LIMIT $1',
        [TOKENS_MAX],
      );
      const before = new Map([...this.known.values()].map(({ id, usedAt }) => [id, usedAt]));
      this.known = new Map(
        rows.map(({ id, name, role, digest, expires_at: expires }) => [
          digest.toString('hex'),
          {
            id,
            identity: { name, role, named: true },
            expiresAt: expires === null ? Infinity : Date.parse(expires),
            usedAt: before.get(id) ?? 0,
          },
        ]),
      );
      this.readAt = startedAt;
    } catch (error) {
      if (startedAt - this.readAt > STALE_MS) throw error;
      this.log.warn('tokens', { reason: messageOf(error) }, 'tokens cannot be read; those known so far stay in force');
    }
  }

  private markUsed(token: KnownToken): void {
    const now = this.now();
    if (now - token.usedAt < USE_INTERVAL_MS) return;
    token.usedAt = now;
    query(this.pool, 'UPDATE api_tokens SET last_used_at = now() WHERE id = $1', [token.id]).catch((error: unknown) =>
      this.log.warn('token use', { reason: messageOf(error) }, 'when a token was last used could not be written'),
    );
  }
}
