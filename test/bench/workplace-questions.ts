/**
 * What an analyst asks of the API: each kind of filter, sorted, paged and summed, and what matches nothing. Values change with each
 * request, so that no answer is already there.
 */
import type { SiteFacts } from './site-facts.js';
import type { TimedRequest } from './timed-requests.js';

export interface WorkplaceQuestion {
  /** What stands before the point is what it is about. */
  readonly name: string;
  readonly ask: (facts: SiteFacts, request: number) => TimedRequest;
}

const list = (name: string, filter: (facts: SiteFacts, n: number) => Record<string, string>): WorkplaceQuestion => ({
  name: `conversations.${name}`,
  ask: (facts, n) => ({ path: `/api/conversations?${new URLSearchParams({ limit: '100', ...filter(facts, n) })}` }),
});
const get = (name: string, path: (facts: SiteFacts, n: number) => string): WorkplaceQuestion => ({
  name,
  ask: (facts, n) => ({ path: `/api${path(facts, n)}` }),
});
const groups = (name: string, body: (facts: SiteFacts, n: number) => object): WorkplaceQuestion => ({
  name: `groups.${name}`,
  ask: (facts, n) => ({ path: '/api/conversations/search', body: { limit: 12, ...body(facts, n) } }),
});
const pick = <T>(values: readonly T[], n: number): T => values[n % values.length]!;
const lastHour = ({ to }: SiteFacts): { from: string } => ({
  from: new Date(Date.parse(to) - 3_600_000).toISOString(),
});

export const WORKPLACE_QUESTIONS: readonly WorkplaceQuestion[] = [
  list('newest', () => ({})),
  list('older', ({ middle }) => ({ to: middle })),
  list('host-busy', ({ busyClients }, n) => ({ host: pick(busyClients, n) })),
  list('host-quiet', ({ quietClients }, n) => ({ host: pick(quietClients, n) })),
  list('originator', ({ busyClients }, n) => ({ originator: pick(busyClients, n) })),
  list('responder-busy', ({ busyServers }, n) => ({ responder: pick(busyServers, n) })),
  list('network', ({ quietClients }, n) => ({ originator: `${pick(quietClients, n)}/28` })),
  list('port', () => ({ port: '443' })),
  list('client-port', (_, n) => ({ originator_port: String(33_000 + ((n * 7_919) % 27_000)) })),
  list('protocol', () => ({ protocol: 'udp' })),
  list('service', (_, n) => ({ service: pick(['dns', 'ssl', 'smb', 'ssh'], n) })),
  list('state', (_, n) => ({ state: pick(['REJ', 'S0', 'RSTO'], n) })),
  list('outcome', () => ({ outcome: 'refused' })),
  list('name', ({ names }, n) => ({ name: pick(names, n) })),
  list('domain', ({ names }, n) => ({ name: `*.${pick(names, n).replace(/^www\./, '')}` })),
  list('ja4', ({ fingerprints }, n) => ({ ja4: pick(fingerprints, n) })),
  list('user', (_, n) => ({ user: `user${n % 300}` })),
  list('community', ({ communities }, n) => ({ community_id: pick(communities, n) })),
  list('bytes', () => ({ min_bytes: '10000000' })),
  list('duration', () => ({ min_duration: '300' })),
  list('site', () => ({ site: 'branch-7' })),
  list('open', () => ({ open: 'true' })),
  list('search', ({ busyClients }, n) => ({
    q: `src ${pick(busyClients, n)} and (port 443 or name *.example) and not outcome answered`,
  })),
  list('none-host', (_, n) => ({ host: `203.0.113.${n % 200}` })),
  list('none-service', () => ({ service: 'modbus' })),
  list('none-name', (_, n) => ({ name: `nothing-${n}.invalid` })),
  list('none-ja4', (_, n) => ({ ja4: `t13d000${n % 10}h2_000000000000_000000000000` })),
  list('none-user', (_, n) => ({ user: `nobody${n}` })),
  list('none-state', () => ({ state: 'SH' })),
  list('none-port', () => ({ responder_port: '65535' })),
  list('none-vlan', () => ({ vlan: '42' })),
  list('none-site', () => ({ site: 'nowhere' })),
  list('none-bytes', () => ({ min_bytes: '100000000000' })),
  list('none-duration', () => ({ min_duration: '90000' })),
  list('none-protocol', () => ({ protocol: 'sctp' })),
  get('conversations.one', ({ ids }, n) => `/conversations/${pick(ids, n)}`),
  groups('pairs-hour', (facts) => ({ group_by: ['originator', 'responder'], ...lastHour(facts) })),
  groups('pairs-host', ({ busyClients }, n) => ({
    group_by: ['responder', 'service'],
    q: `host ${pick(busyClients, n)}`,
  })),
  groups('services-search', (facts) => ({ group_by: ['service'], q: 'outcome refused', ...lastHour(facts) })),
  groups('all-day', () => ({ group_by: ['originator', 'responder'] })),
  groups('none', () => ({ group_by: ['service'], q: 'service modbus' })),
  get('host.busy-client', ({ busyClients }, n) => `/hosts/${pick(busyClients, n)}`),
  get('host.quiet-client', ({ quietClients }, n) => `/hosts/${pick(quietClients, n)}`),
  get('host.busy-server', ({ busyServers }, n) => `/hosts/${pick(busyServers, n)}`),
  get('host.resolver', () => '/hosts/10.0.0.53'),
  get('host.unknown', (_, n) => `/hosts/203.0.113.${n % 200}`),
  get('packets.newest', () => '/packets?limit=100'),
  get('packets.host', ({ busyClients }, n) => `/packets?limit=100&host=${pick(busyClients, n)}`),
  get(
    'packets.search',
    ({ busyServers }, n) => `/packets?limit=100&q=${encodeURIComponent(`dst ${pick(busyServers, n)} and port 443`)}`,
  ),
  get('packets.none', (_, n) => `/packets?limit=100&host=203.0.113.${n % 200}`),
  get('stats.hour', (facts) => `/stats?buckets=120&top=12&from=${lastHour(facts).from}`),
  get('stats.day', ({ from, to }) => `/stats?buckets=120&top=12&from=${from}&to=${to}`),
  get('stats.all', () => '/stats?buckets=120&top=12'),
  get('stats.node', ({ from, to }) => `/stats?capture_node=edge-1&top=12&from=${from}&to=${to}`),
  get('stats.step', ({ from, to }) => `/stats?step=60&top=12&from=${from}&to=${to}`),
  get('alerts.unresolved', () => '/alerts?resolved=false&limit=100'),
  get('alerts.severity', () => '/alerts?min_severity=4&limit=100'),
  get('alerts.source', ({ busyClients }, n) => `/alerts?source=${pick(busyClients, n)}`),
  get('alerts.none', () => '/alerts?q=rule%20nothing-such&limit=100'),
  get('alerts.histogram', () => '/alerts/histogram?buckets=60'),
  get('alerts.one', ({ alerts }, n) => `/alerts/${pick(alerts, n)}`),
  get('incidents.one', ({ incidents }, n) => `/incidents/${pick(incidents, n)}`),
  get('incidents.list', () => '/incidents?limit=100'),
  get('incidents.none', () => '/incidents?limit=100&source=203.0.113.1'),
];
