/** `GET /api/packets.pcap`, `.csv`, `.json` and such of conversations and alerts: what a list shows, as a file of any length. */
import { createRoute, z } from '@hono/zod-openapi';
import { readAlertSearch } from '../../schemas/tables/alert-search.js';
import { readConversationSearch } from '../../schemas/tables/conversation-search.js';
import { allOf, type PacketCondition } from '../../schemas/tables/packet-condition.js';
import { readPacketSearch } from '../../schemas/tables/packet-search.js';
import { alertQuery } from '../export/alert-selection.js';
import { conversationQuery } from '../export/conversation-selection.js';
import { columnsFor, textFor } from '../export/packet-columns.js';
import { packetQuery } from '../export/packet-selection.js';
import { DOWNLOAD_TYPES, type DownloadFormat, type Downloads, ROWS_MAX } from '../http/download.js';
import { searchSchema } from '../http/search-schema.js';
import { strictObject } from '../http/strict-object.js';
import { wholeNumber } from '../http/whole-number.js';
import { alertConditions, alertQueryShape } from '../queries/alert-filter.js';
import { conversationCondition, conversationQueryShape } from '../queries/conversation-filter.js';
import { packetCondition, packetQueryShape } from '../queries/packet-filter.js';
import { refineTimeRange, resolveTimeRange, timeRangeShape } from '../queries/time-range.js';
import { createRouter, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

const limitSchema = wholeNumber(ROWS_MAX)
  .default(1_000_000)
  .openapi({ param: { description: `Most rows, 1 to ${ROWS_MAX}; the oldest come first.` } });

const packetsQuery = strictObject({
  ...timeRangeShape,
  ...packetQueryShape,
  q: searchSchema(readPacketSearch, 'src 10.0.0.0/8 and port 443'),
  limit: limitSchema,
}).superRefine(refineTimeRange);

const alertsQuery = strictObject({
  ...timeRangeShape,
  ...alertQueryShape,
  q: searchSchema(readAlertSearch, 'severity >= 3'),
  limit: limitSchema,
}).superRefine(refineTimeRange);

const conversationsQuery = strictObject({
  ...timeRangeShape,
  ...conversationQueryShape,
  q: searchSchema(readConversationSearch, 'service ssl and not outcome answered'),
  limit: limitSchema,
}).superRefine(refineTimeRange);

const DESCRIPTIONS: Readonly<Record<DownloadFormat, string>> = {
  csv: 'CSV with a header. Texts that a spreadsheet would run begin with an apostrophe.',
  json: 'A JSON object a line.',
  pcap: 'A capture file: headers rebuilt from what was stored, no payload. TCP options are not stored: a SYN is taken to have nothing else, in other segments they count as payload.',
  zeek: 'A conn.log as Zeek writes it.',
};

const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

const downloadRoute = <Query extends typeof packetsQuery | typeof conversationsQuery | typeof alertsQuery>(
  what: 'packets' | 'conversations' | 'alerts',
  format: DownloadFormat,
  query: Query,
) =>
  createRoute({
    method: 'get',
    path: `/${what}.${format}` as const,
    operationId: `download${capitalised(what)}${format === 'pcap' || format === 'zeek' ? capitalised(format) : format.toUpperCase()}`,
    summary: `${capitalised(what)} as ${format === 'zeek' ? 'conn.log' : format.toUpperCase()}, oldest first, streamed`,
    tags: [what],
    security: readSecurity,
    request: { query },
    responses: {
      200: {
        description: `${DESCRIPTIONS[format]} One that ends before its time is cut off: the connection breaks.`,
        content: { [DOWNLOAD_TYPES[format].split(';')[0]!]: { schema: z.string().openapi({ format: 'binary' }) } },
      },
      ...sharedErrors,
    },
  });

const PACKET_FORMATS = ['pcap', 'csv', 'json'] as const;
const CONVERSATION_FORMATS = ['csv', 'json', 'zeek'] as const;
const ALERT_FORMATS = ['csv', 'json'] as const;

export function downloadRoutes({ now }: RouteDependencies, downloads: Downloads) {
  const router = createRouter();
  for (const format of PACKET_FORMATS) {
    router.openapi(downloadRoute('packets', format, packetsQuery), async (c) => {
      const { from, to, hours, limit, q, ...fields } = c.req.valid('query');
      const range = resolveTimeRange({ from, to, hours }, now());
      const filter: PacketCondition = allOf([packetCondition(fields), ...(q === undefined ? [] : [q])]);
      const sql = packetQuery(columnsFor(format), range.from ?? '', range.to ?? '', filter);
      return downloads.send(c, 'packets', format, sql, limit);
    });
  }
  for (const format of CONVERSATION_FORMATS) {
    router.openapi(downloadRoute('conversations', format, conversationsQuery), async (c) => {
      const { from, to, hours, limit, q, ...fields } = c.req.valid('query');
      const range = resolveTimeRange({ from, to, hours }, now());
      const conditions = [conversationCondition(fields), ...(q === undefined ? [] : [q])];
      const sql = conversationQuery(format, range.from ?? '', range.to ?? '', conditions);
      return downloads.send(c, 'conversations', format, sql, limit);
    });
  }
  for (const format of ALERT_FORMATS) {
    router.openapi(downloadRoute('alerts', format, alertsQuery), async (c) => {
      const { from, to, hours, limit, q, ...fields } = c.req.valid('query');
      const range = resolveTimeRange({ from, to, hours }, now());
      const conditions = [...alertConditions(fields), ...(q === undefined ? [] : [q])];
      const sql = alertQuery(range.from ?? '', range.to ?? '', conditions, textFor(format));
      return downloads.send(c, 'alerts', format, sql, limit);
    });
  }
  return router;
}
