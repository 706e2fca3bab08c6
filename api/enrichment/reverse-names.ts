/** Names of addresses by the DNS (PTR), on request alone: bounded in number, in time and in what is remembered. */
import { Resolver } from 'node:dns/promises';

/** Addresses of one request that are asked for, and how long it waits for all. */
export const ADDRESSES_MAX = 100;
const REQUEST_MS = 2_000;
const QUERY_MS = 1_000;
/** Queries on the way at a time, of all requests. */
const RUNNING_MAX = 20;
const REMEMBERED_MAX = 10_000;
const FOUND_MS = 600_000;
const MISSING_MS = 60_000;

interface Remembered {
  readonly name: string | null;
  readonly until: number;
}

export class ReverseNames {
  private readonly resolver = new Resolver({ timeout: QUERY_MS, tries: 1 });
  private readonly remembered = new Map<string, Remembered>();
  private readonly asked = new Map<string, Promise<void>>();
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  /** @param servers of the DNS; those of the system when empty. */
  constructor(
    servers: readonly string[],
    private readonly now: () => number = Date.now,
  ) {
    if (servers.length > 0) this.resolver.setServers(servers);
  }

  /** What is known within two seconds; what comes later is known the next time. */
  async find(addresses: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const wanted = [...new Set(addresses)].slice(0, ADDRESSES_MAX);
    const missing = wanted.filter((address) => (this.remembered.get(address)?.until ?? 0) <= this.now());
    if (missing.length > 0) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, REQUEST_MS);
      });
      await Promise.race([Promise.all(missing.map((address) => this.ask(address))), late]);
      clearTimeout(timer);
    }
    const names = new Map<string, string>();
    for (const address of wanted) {
      const name = this.remembered.get(address)?.name;
      if (typeof name === 'string') names.set(address, name);
    }
    return names;
  }

  /** One query an address, whoever asks. */
  private ask(address: string): Promise<void> {
    let asking = this.asked.get(address);
    if (asking === undefined) {
      asking = this.query(address).finally(() => this.asked.delete(address));
      this.asked.set(address, asking);
    }
    return asking;
  }

  private async query(address: string): Promise<void> {
    // As many waiting as a few requests have; further ones are told nothing now.
    if (this.waiting.length >= 10 * ADDRESSES_MAX) return;
    if (this.running >= RUNNING_MAX) await new Promise<void>((go) => this.waiting.push(go));
    this.running++;
    let name: string | null = null;
    try {
      name = (await this.resolver.reverse(address))[0]?.slice(0, 255) ?? null;
    } catch {
      // It has none, or nobody answers: not asked again for a minute.
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
    this.remembered.delete(address);
    this.remembered.set(address, { name, until: this.now() + (name === null ? MISSING_MS : FOUND_MS) });
    if (this.remembered.size > REMEMBERED_MAX) this.remembered.delete(this.remembered.keys().next().value!);
  }
}
