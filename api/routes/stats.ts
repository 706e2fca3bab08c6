/** `GET /api/stats`: what the dashboard shows, from the rollups alone. */
import { createRoute, z } from '@hono/zod-openapi';
import { fieldValues } from '../../schemas/tables/field-values.js';
import { invalidInput } from '../http/problem.js';
import { strictObject } from '../http/strict-object.js';
import { wholeNumber } from '../http/whole-number.js';
import { findConversationStats } from '../queries/conversation-stats.js';
import {
  findExtent,
  findNodeTraffic,
  findPacketPorts,
  findProtocols,
  findSeries,
  findSiteTraffic,
  findTopSources,
  findTotals,
  nodesOfSites,
  type StatsQuery,
} from '../queries/stats-query.js';
import { type Interval, POINTS_MAX, STEP_MAX, stepProblem, wholeMinutes } from '../queries/stats-range.js';
import {
  isoMicros,
  refineTimeRange,
  resolveTimeRange,
  timeRangeShape,
  timestampSchema,
} from '../queries/time-range.js';
import { createRouter, jsonContent, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

const volume = {
  packets: z.number().openapi({ description: 'Packets on the wire: sampled ones count sampling_rate times.' }),
  bytes: z.number().openapi({ description: 'Bytes on the wire.' }),
};
const conversationVolume = {
  conversations: z.number().openapi({ description: 'Those that ended in the range.' }),
  packets: z.number().openapi({ description: 'Of both ways.' }),
  bytes: z.number().openapi({ description: 'Of both ways, on the wire.' }),
};
const AT_LEAST = 'What was not always among the largest of a minute has at least these counts.';
const volumeSchema = z.object(volume).openapi('Volume');

const statsSchema = z
  .object({
    from: timestampSchema.nullable().openapi({
      description:
        'Start of what was counted: the range in whole minutes. Null when all was asked for and there is nothing.',
    }),
    to: timestampSchema.nullable().openapi({ description: 'End of what was counted, exclusive.' }),
    data_from: timestampSchema
      .nullable()
      .openapi({ description: 'First minute of all data; null when there is none.' }),
    data_to: timestampSchema.nullable().openapi({ description: 'End of the last minute of all data.' }),
    totals: z.object({
      ...volume,
      observed_packets: z.number().openapi({ description: 'Packets captured, without scaling.' }),
      sources: z.number().openapi({ description: 'Distinct sources, estimated within 4 % (one standard deviation).' }),
      failures: z.number().openapi({ description: 'Packets that could not be decoded whole.' }),
      packets_per_second: z.number().openapi({ description: 'Over the part of the range that has data.' }),
      bits_per_second: z.number(),
      tcp_flags: z.object({
        fin: z.number(),
        syn: z.number(),
        rst: z.number(),
        psh: z.number(),
        ack: z.number(),
        urg: z.number(),
        syn_only: z.number().openapi({ description: 'SYN without ACK: attempts to connect.' }),
      }),
    }),
    bucket_seconds: z.int(),
    series: z
      .array(
        z.object({
          time: timestampSchema.openapi({ description: 'Start of the bucket.' }),
          ...volume,
          protocols: z.record(z.string(), volumeSchema),
        }),
      )
      .openapi({ description: 'Oldest first; buckets without traffic are absent.' }),
    protocols: z.array(z.object({ protocol: z.string(), ...volume })).openapi({ description: 'Busiest first.' }),
    top_sources: z.array(z.object({ source: z.string(), ...volume })).openapi({
      description:
        'Busiest first; what the rollups do not tell apart stands last as "other". A source that was not always among the busiest has at least these counts.',
    }),
    top_destination_ports: z
      .array(
        z.object({
          destination_port: z.int(),
          protocol: z.string(),
          ...volume,
          conversations: z.number().nullable().openapi({ description: 'That ended; null where none tell of it.' }),
        }),
      )
      .openapi({
        description: `Busiest first: ports that were called, with both ways of what went on there. ${AT_LEAST}`,
      }),
    destination_ports_of: z.enum(['conversations', 'packets']).openapi({
      description:
        'What the ports are counted by: who was called in conversations, or, where none are stored, the destination of each packet, a client’s ephemeral port among them.',
    }),
    capture_nodes: z
      .array(z.object({ capture_node: z.string(), ...volume }))
      .openapi({ description: 'Busiest first.' }),
    sites: z
      .array(z.object({ site: z.string(), ...volume }))
      .openapi({ description: 'By the site that each capture node looks into; "" is the site without a name.' }),
    top_services: z
      .array(z.object({ service: z.string(), ...conversationVolume }))
      .openapi({ description: 'By bytes; "unknown" where it is not known, "other" for the small ones.' }),
    top_pairs: z
      .array(z.object({ originator: z.string(), responder: z.string(), ...conversationVolume }))
      .openapi({ description: `Who began and who answered, by bytes. ${AT_LEAST}` }),
    top_destinations: z
      .array(z.object({ destination: z.string(), ...conversationVolume }))
      .openapi({ description: `Who was called, by bytes of both ways. ${AT_LEAST}` }),
    outcomes: z
      .array(z.object({ outcome: z.string(), ...conversationVolume }))
      .openapi({ description: 'What became of conversations: answered, unanswered, refused.' }),
  })
  .openapi('Stats');

export type Stats = z.infer<typeof statsSchema>;

const namesSchema = (description: string) =>
  z
    .string('is given twice')
    .max(10_000)
    .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
    .transform(fieldValues)
    .optional()
    .openapi({ param: { description }, type: 'string' });

const statsRoute = createRoute({
  method: 'get',
  path: '/stats',
  operationId: 'getStats',
  summary: 'Traffic over time, by protocol, source, port and capture node',
  tags: ['stats'],
  security: readSecurity,
  request: {
    query: strictObject({
      ...timeRangeShape,
      capture_node: namesSchema('Only what this capture node saw; several are separated by commas.'),
      buckets: wholeNumber(1000)
        .default(300)
        .openapi({ param: { description: 'Most points of the series, 1 to 1000.' } }),
      step: wholeNumber(STEP_MAX)
        .optional()
        .openapi({
          param: {
            description: `Seconds of a point of the series, instead of buckets: a divisor of a minute for the last hour, or of whole minutes; at most ${POINTS_MAX} points.`,
          },
        }),
      site: namesSchema('Only what capture nodes of this site saw; several are separated by commas.'),
      order_by: z
        .enum(['packets', 'bytes'])
        .optional()
        .openapi({
          param: {
            description:
              'What rankings are ordered by; without it those of conversations by bytes, the others by packets.',
          },
        }),
      top: wholeNumber(100)
        .default(10)
        .openapi({ param: { description: 'Most rows of each ranking, 1 to 100.' } }),
    }).superRefine(refineTimeRange),
  },
  responses: { 200: jsonContent(statsSchema, 'The statistics.'), ...sharedErrors },
});

export function statsRoutes({ pool, now }: RouteDependencies) {
  return createRouter().openapi(statsRoute, async (c) => {
    const {
      buckets,
      step = null,
      top,
      capture_node: nodes = null,
      site,
      order_by: orderBy = null,
      ...asked
    } = c.req.valid('query');
    const captureNodes = site === undefined ? nodes : common(nodes, await nodesOfSites(pool, site));
    const extent = await findExtent(pool, captureNodes);
    const resolved = resolveTimeRange(asked, now());
    const start = resolved.from === null ? (extent?.start ?? null) : Date.parse(resolved.from);
    const openEnd = asked.hours === undefined ? (extent?.end ?? null) : now();
    const end = resolved.to === null ? openEnd : Date.parse(resolved.to);
    if (start === null || end === null || start >= end) return c.json(emptyStats(resolved.from, resolved.to), 200);

    const range = wholeMinutes({ start, end });
    const reason = step === null ? null : stepProblem(step, range, now());
    if (reason !== null) throw invalidInput([{ input: 'step', reason }]);
    const wanted: StatsQuery = { range, captureNodes, buckets, step, top, orderBy };
    const [totals, protocols, sources, talk, byNode, bySite] = await Promise.all([
      findTotals(pool, wanted),
      findProtocols(pool, wanted),
      findTopSources(pool, wanted),
      findConversationStats(pool, wanted),
      findNodeTraffic(pool, wanted),
      findSiteTraffic(pool, wanted),
    ]);
    const series = await findSeries(pool, wanted, protocols);
    const packetPorts = talk.ports === null ? await findPacketPorts(pool, wanted) : [];
    const seconds = activeSeconds(range, extent, now());
    const stats: Stats = {
      from: isoMicros(range.start),
      to: isoMicros(range.end),
      data_from: extent && isoMicros(extent.start),
      data_to: extent && isoMicros(extent.end),
      totals: {
        packets: totals.packets,
        bytes: totals.bytes,
        observed_packets: totals.observed_packets,
        // Of few sources an estimate can be less than those that are listed one by one.
        sources: Math.max(totals.sources, sources.filter(({ source }) => source !== 'other').length),
        failures: totals.failures,
        packets_per_second: seconds === 0 ? 0 : totals.packets / seconds,
        bits_per_second: seconds === 0 ? 0 : (totals.bytes * 8) / seconds,
        tcp_flags: {
          fin: totals.tcp_fin,
          syn: totals.tcp_syn,
          rst: totals.tcp_rst,
          psh: totals.tcp_psh,
          ack: totals.tcp_ack,
          urg: totals.tcp_urg,
          syn_only: totals.tcp_syn_only,
        },
      },
      bucket_seconds: series.bucketSeconds,
      series: series.points.map(({ start: bucket, ...point }) => ({ time: isoMicros(bucket * 1000), ...point })),
      protocols: protocols.slice(0, top),
      top_sources: sources,
      top_destination_ports: [...(talk.ports ?? packetPorts.map((port) => ({ ...port, conversations: null })))],
      destination_ports_of: talk.ports === null ? 'packets' : 'conversations',
      capture_nodes: byNode,
      sites: bySite,
      top_services: [...talk.services],
      top_pairs: [...talk.pairs],
      top_destinations: [...talk.destinations],
      outcomes: [...talk.outcomes],
    };
    return c.json(stats, 200);
  });
}

/** Of both, where both are asked for. */
function common(nodes: readonly string[] | null, others: readonly string[]): readonly string[] {
  return nodes === null ? others : nodes.filter((node) => others.includes(node));
}

/** Seconds of the range between the first and the last data; the minute that is still running counts as far as it has come. */
function activeSeconds(range: Interval, extent: Interval | null, now: number): number {
  if (!extent) return 0;
  const end = Math.min(range.end, extent.end);
  const running = now > end - 60_000 && now < end ? now : end;
  return Math.max(0, (running - Math.max(range.start, extent.start)) / 1000);
}

function emptyStats(from: string | null, to: string | null): Stats {
  const tcpFlags = { fin: 0, syn: 0, rst: 0, psh: 0, ack: 0, urg: 0, syn_only: 0 };
  return {
    from,
    to,
    data_from: null,
    data_to: null,
    totals: {
      packets: 0,
      bytes: 0,
      observed_packets: 0,
      sources: 0,
      failures: 0,
      packets_per_second: 0,
      bits_per_second: 0,
      tcp_flags: tcpFlags,
    },
    bucket_seconds: 60,
    series: [],
    protocols: [],
    top_sources: [],
    top_destination_ports: [],
    destination_ports_of: 'conversations',
    capture_nodes: [],
    sites: [],
    top_services: [],
    top_pairs: [],
    top_destinations: [],
    outcomes: [],
  };
}
