/** `GET /api/hosts/{ip}`: what is known of one host. */
import { createRoute, z } from '@hono/zod-openapi';
import ipaddr from 'ipaddr.js';
import { OUTCOMES } from '../../schemas/conversations/conversation.js';
import { protocolName } from '../../schemas/packets/protocols.js';
import { parseAlertField } from '../../schemas/tables/alert-fields.js';
import { enrichmentSchema, reverseDnsSchema } from '../enrichment/enricher.js';
import { vendorOf } from '../enrichment/mac-vendors.js';
import { strictObject } from '../http/strict-object.js';
import { rangeConditions } from '../queries/alert-filter.js';
import { findAlerts } from '../queries/alert-query.js';
import { findHostMacs, findHostSide, HOST_CONVERSATIONS_MAX, type HostSide } from '../queries/host-query.js';
import {
  refineTimeRange,
  resolveTimeRange,
  type TimeRange,
  timeRangeShape,
  timestampSchema,
} from '../queries/time-range.js';
import { alertSchema, viewAlert } from '../views/alert-view.js';
import { createRouter, jsonContent, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

/** Alerts of an answer on each side: the latest. */
const ALERTS_MAX = 20;

const volumeShape = {
  conversations: z.int(),
  packets_sent: z.int(),
  packets_received: z.int(),
  bytes_sent: z.int().openapi({ description: 'By the host, on the wire.' }),
  bytes_received: z.int(),
};

const serviceSchema = z.object({
  service: z.string().openapi({ description: 'As Zeek names it; unknown where nothing was said.', example: 'ssl' }),
  protocol: z.string().openapi({ example: 'tcp' }),
  port: z.int().openapi({ description: 'The responder’s; of ICMP the code.', example: 443 }),
  peers: z.int(),
  ...volumeShape,
});

const sideSchema = z.object({
  ...volumeShape,
  services: z.array(serviceSchema),
  peers: z.array(z.object({ address: z.string(), ...volumeShape })),
  outcomes: z.record(z.enum(OUTCOMES), z.int()),
  complete: z
    .boolean()
    .openapi({ description: `false where there are more: the last ${HOST_CONVERSATIONS_MAX} are summed.` }),
});

const alertsSchema = z.object({ total: z.int(), unresolved: z.int(), latest: z.array(alertSchema) });

const hostSchema = z
  .object({
    address: z.string(),
    first_seen: timestampSchema.nullable().openapi({ description: 'In the conversations that are summed.' }),
    last_seen: timestampSchema.nullable(),
    names: z.array(
      z.object({
        name: z.string(),
        given_by: z.enum(['peers', 'host']).openapi({
          description: 'peers: others asked for it by this name; host: it said so itself, by DHCP.',
        }),
        conversations: z.int(),
      }),
    ),
    macs: z.array(z.string()).openapi({ description: 'That its latest packets came from: its own, or a router’s.' }),
    mac_vendors: z.record(z.string(), z.string()).openapi({ description: 'Who made those cards, where it is known.' }),
    enrichment: enrichmentSchema,
    used: sideSchema.openapi({ description: 'Conversations that it began.' }),
    offered: sideSchema.openapi({ description: 'Conversations begun towards it.' }),
    alerts: z.object({ as_source: alertsSchema, as_target: alertsSchema }),
  })
  .openapi('Host');
export type Host = z.infer<typeof hostSchema>;

const addressSchema = z
  .string()
  .max(64)
  .refine(
    (text) => ipaddr.IPv4.isValidFourPartDecimal(text) || (ipaddr.IPv6.isValid(text) && !text.includes('%')),
    'must be an IP address',
  )
  .openapi({ param: { name: 'ip', in: 'path', description: 'IPv4 or IPv6 address.' }, example: '10.0.0.7' });

const hostRoute = createRoute({
  method: 'get',
  path: '/hosts/{ip}',
  operationId: 'getHost',
  summary: 'What is known of one host',
  tags: ['hosts'],
  security: readSecurity,
  request: {
    params: z.object({ ip: addressSchema }),
    query: strictObject({ ...timeRangeShape, reverse_dns: reverseDnsSchema }).superRefine(refineTimeRange),
  },
  responses: { 200: jsonContent(hostSchema, 'The host, empty where nothing was seen of it.'), ...sharedErrors },
});

function viewSide({ services, names: _names, first_seen: _first, last_seen: _last, ...side }: HostSide) {
  return {
    ...side,
    services: services.map(({ ip_protocol: protocol, ...service }) => ({
      ...service,
      protocol: protocolName(null, protocol),
    })),
  };
}

/** The most frequent first. */
function namesOf(used: HostSide, offered: HostSide): Host['names'] {
  return [
    ...offered.names.map((name) => ({ ...name, given_by: 'peers' as const })),
    ...used.names.map((name) => ({ ...name, given_by: 'host' as const })),
  ].sort((a, b) => b.conversations - a.conversations || (a.name < b.name ? -1 : 1));
}

function extreme(times: readonly (string | null)[], latest: boolean): string | null {
  const known = times.filter((time) => time !== null).sort();
  return (latest ? known.at(-1) : known[0]) ?? null;
}

export function hostRoutes({ pool, now, enricher }: RouteDependencies) {
  const alertsOf = async (field: 'source' | 'destination', ip: string, range: TimeRange) => {
    const conditions = [parseAlertField(field, [ip]), ...rangeConditions(range)];
    const { rows, counts } = await findAlerts(pool, {
      conditions,
      counted: conditions,
      after: null,
      limit: ALERTS_MAX,
    });
    return {
      total: counts.unresolved + counts.resolved,
      unresolved: counts.unresolved,
      latest: rows.map((row) => viewAlert(row, enricher)),
    };
  };

  return createRouter().openapi(hostRoute, async (c) => {
    const { ip } = c.req.valid('param');
    const { reverse_dns: reverseDns, ...asked } = c.req.valid('query');
    const range = resolveTimeRange(asked, now());
    const byDns = enricher.namesByDns(reverseDns, () => [ip]);
    byDns.catch(() => undefined); // awaited below, when what is stored has been read
    const [used, offered, macs, asSource, asTarget] = await Promise.all([
      findHostSide(pool, ip, 'originator', range),
      findHostSide(pool, ip, 'responder', range),
      findHostMacs(pool, ip, range),
      alertsOf('source', ip, range),
      alertsOf('destination', ip, range),
    ]);
    return c.json(
      {
        address: ip,
        first_seen: extreme([used.first_seen, offered.first_seen], false),
        last_seen: extreme([used.last_seen, offered.last_seen], true),
        names: namesOf(used, offered),
        macs,
        mac_vendors: Object.fromEntries(
          macs
            .map((mac) => [mac, vendorOf(mac)] as const)
            .filter((entry): entry is [string, string] => entry[1] !== null),
        ),
        enrichment: enricher.describe(ip, null, await byDns),
        used: viewSide(used),
        offered: viewSide(offered),
        alerts: { as_source: asSource, as_target: asTarget },
      },
      200,
    );
  });
}
