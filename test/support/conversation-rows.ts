/** Stores conversations as the sink does, without a topic. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { CONVERSATION_COPY_SQL, type ConversationRows } from '../../sinks/conversations/conversation-rows.js';
import { storeConversations } from '../../sinks/conversations/conversation-store.js';
import { COPY_HEADER, COPY_TRAILER } from '../../sinks/packets/copy-buffer.js';

/** @returns the id of a new origin, that of `TEST_ORIGIN` unless said otherwise */
export async function createOrigin(client: pg.ClientBase, node = 'node-1', site = ''): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `INSERT INTO origins (capture_node, interface, link_type, timeline, sampling, sampling_rate, site)
     VALUES ($1, 'eth0', 1, '', 'none', 1, $2) RETURNING id`,
    [node, site],
  );
  return rows[0]!.id;
}

export async function storeRows(client: pg.ClientBase, rows: ConversationRows): Promise<void> {
  await client.query('BEGIN');
  await storeConversations(client, rows, async (from, to) => {
    const bytes = [COPY_HEADER, rows.copy.slice(from, to), COPY_TRAILER];
    await pipeline(Readable.from(bytes), client.query(copyFrom(CONVERSATION_COPY_SQL)));
    return [];
  });
  await client.query('COMMIT');
}
