/** Ids of origins in the table `origins`, kept in memory once known. */
import type pg from 'pg';
import type { PacketOrigin } from '../../schemas/packets/packet-block.js';

/** Replays give each capture an origin of its own; beyond this many the memory starts again. */
const REMEMBERED_MAX = 10_000;

export class OriginDictionary {
  private readonly ids = new Map<PacketOrigin, number>();

  /** The id, or undefined when it has not been looked up yet. */
  known(origin: PacketOrigin): number | undefined {
    return this.ids.get(origin);
  }

  /**
   * The id, from the table, where it is added when it is new. In a statement of its own: an entry whose packets are
   * not stored after all does no harm.
   */
  async lookUp(client: pg.Pool, origin: PacketOrigin): Promise<number> {
    const known = this.ids.get(origin);
    if (known !== undefined) return known;
    const values = [
      storable(origin.captureNode),
      storable(origin.interface),
      origin.linkType,
      storable(origin.timeline),
      origin.sampling,
      origin.samplingRate,
      storable(origin.site ?? ''),
    ];
    // Looked for first: an INSERT that conflicts would take a number of the sequence each time.
    for (;;) {
      const found = await client.query<{ id: number }>(
        `SELECT id FROM origins WHERE (capture_node, interface, link_type, timeline, sampling, sampling_rate, site)
           = ($1, $2, $3, $4, $5, $6, $7)`,
        values,
      );
      const id = found.rows[0]?.id;
      if (id !== undefined) {
        if (this.ids.size >= REMEMBERED_MAX) this.ids.clear();
        this.ids.set(origin, id);
        return id;
      }
      await client.query(
        `INSERT INTO origins (capture_node, interface, link_type, timeline, sampling, sampling_rate, site)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
        values,
      );
    }
  }
}

/** Text of Postgres holds no U+0000. */
export function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}
