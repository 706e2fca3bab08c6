/** Conversations and hosts through the API: filters, pages, groups, and what is known of a host. */
import { Writable } from 'node:stream';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExportSettings, exportOptions, exportRows } from '../../api/export/export.js';
import type { Conversation } from '../../api/views/conversation-view.js';
import { readSettings } from '../../runtime/process/options.js';
import { EVENT_UPDATED, OUTCOME_REFUSED_RST, OUTCOME_UNANSWERED } from '../../schemas/conversations/conversation.js';
import { ConversationRows } from '../../sinks/conversations/conversation-rows.js';
import { conversationBlock, type TestConversation } from '../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../support/conversation-rows.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertAlerts, insertPackets } from './sample-data.js';

const START = Date.UTC(2026, 2, 1, 9) * 1000;
const SECOND = 1e6;
const HOUR = 3600 * SECOND;

/** By name in the tests: each begins a second after the one before. */
const GIVEN = {
  web: {
    originatorPort: 50_001,
    names: { serverName: 'WWW.shop.example', ja4: 't13d1516h2_8daaf6152771_02713d6af862', alpn: 'h2' },
    vlan: 42,
  },
  api: { originatorPort: 50_002, names: { serverName: 'api.shop.example' }, bytes: [5_000, 5_000_000] },
  dns: {
    originatorPort: 53_001,
    responder: '10.0.0.53',
    responderPort: 53,
    ipProtocol: 17,
    service: 'dns',
    names: { dnsQuestion: 'www.shop.example', dnsType: 'A', dnsResponseCode: 'NOERROR', dnsAnswers: 1 },
    last: START + 3 * SECOND,
  },
  scan: {
    originator: '10.0.0.66',
    responder: '10.0.0.1',
    responderPort: 22,
    service: '',
    state: 'S0',
    outcome: OUTCOME_UNANSWERED,
    history: 'S',
    packets: [1, 0],
    bytes: [60, 0],
  },
  refused: {
    originator: '10.0.0.66',
    responder: '10.0.0.1',
    responderPort: 23,
    service: '',
    state: 'REJ',
    outcome: OUTCOME_REFUSED_RST,
    history: 'Sr',
    packets: [1, 1],
    bytes: [60, 54],
  },
  ssh: {
    originator: '2001:db8::7',
    responder: '2001:db8::22',
    responderPort: 22,
    service: 'ssh',
    last: START + HOUR,
    logins: [4, 1],
    names: { sshClient: 'OpenSSH_9.6', hassh: 'ec7378c1a92f5a8dde7e8b7a1ddf33d1', user: 'root' },
  },
  open: { originatorPort: 50_009, event: EVENT_UPDATED, last: START + 2 * HOUR, bytes: [1, 2] },
} as const satisfies Record<string, Partial<TestConversation>>;
type Name = keyof typeof GIVEN;
const NAMES = Object.keys(GIVEN) as Name[];
/** Last heard of first. */
const ORDER: readonly Name[] = ['open', 'ssh', 'refused', 'scan', 'dns', 'api', 'web'];

let api: ApiFixture;

beforeAll(async () => {
  api = await createApiFixture({ now: () => START / 1000 + 3 * 3_600_000 });
  const client: pg.PoolClient = await api.pool.connect();
  try {
    const originId = await createOrigin(client, 'edge-1', 'branch-7');
    const rows = new ConversationRows();
    const block = conversationBlock(
      NAMES.map((name, index) => ({ start: START + index * SECOND, ...(GIVEN[name] as Partial<TestConversation>) })),
    );
    for (let row = 0; row < block.count; row++) rows.take(block, row, originId, 0, row);
    await storeRows(client, rows);
  } finally {
    client.release();
  }
  await insertAlerts(api.pool, [
    { id: 'a', source: '10.0.0.66', firstSeen: '2026-03-01T09:00:00Z', lastSeen: '2026-03-01T09:10:00Z' },
  ]);
  await insertPackets(api.pool, [
    { time: '2026-03-01T09:00:00Z', source: '10.0.0.1', destination: '192.0.2.1', sourceMac: '02:00:00:00:00:aa' },
  ]);
});
afterAll(async () => {
  await api?.remove();
});

/** Which of them an answer has. */
function namesOf(conversations: readonly Conversation[]): Name[] {
  return conversations.map(({ started_at: time }) => {
    const index = Math.round((Date.parse(time) * 1000 - START) / SECOND);
    return NAMES[index]!;
  });
}

interface Page {
  readonly conversations: Conversation[];
  readonly next: string | null;
}

async function found(query: Record<string, string>): Promise<Name[]> {
  return namesOf((await api.get<Page>(`/api/conversations?${new URLSearchParams(query)}`)).conversations);
}

describe('GET /api/conversations', () => {
  it('gives all, last heard of first', async () => {
    expect(await found({})).toEqual(ORDER);
  });

  it('shows what is known', async () => {
    const { conversations } = await api.get<Page>('/api/conversations?name=www.shop.example&service=tls');
    expect(conversations).toEqual([
      {
        id: expect.stringMatching(/^-?\d+$/),
        community_id: expect.stringMatching(/^1:.{27}=$/),
        started_at: '2026-03-01T09:00:00.000000Z',
        last_at: '2026-03-01T09:00:00.500000Z',
        open: false,
        duration: 0.5,
        originator: '10.0.0.1',
        originator_port: 50_001,
        responder: '192.0.2.1',
        responder_port: 443,
        ip_protocol: 6,
        protocol: 'tcp',
        begun: true,
        service: 'ssl',
        state: 'SF',
        outcome: 'answered',
        history: 'ShADadFf',
        originator_packets: 5,
        responder_packets: 4,
        originator_bytes: 600,
        responder_bytes: 4000,
        originator_payload: 200,
        responder_payload: 3600,
        logins_failed: 0,
        logins_succeeded: 0,
        name: 'www.shop.example',
        names: { server_name: 'WWW.shop.example', ja4: 't13d1516h2_8daaf6152771_02713d6af862', alpn: 'h2' },
        vlan: 42,
        site: 'branch-7',
        capture_node: 'edge-1',
        interface: 'eth0',
        timeline: '',
        enrichment: { originator: {}, responder: {} },
      },
    ]);
    const [same] = await found({ community_id: conversations[0]!.community_id });
    expect(same).toBe('web');
  });

  it.each<[Record<string, string>, Name[]]>([
    [{ host: '10.0.0.66' }, ['refused', 'scan']],
    [{ host: '10.0.0.1', responder_port: '22-23' }, ['refused', 'scan']],
    [{ originator: '2001:db8::/32' }, ['ssh']],
    [{ responder: '10.0.0.0/24,2001:db8::22' }, ['ssh', 'refused', 'scan', 'dns']],
    [{ port: '53' }, ['dns']],
    [{ protocol: 'udp' }, ['dns']],
    [{ protocol: 'dns' }, ['dns']],
    [{ service: 'unknown' }, ['refused', 'scan']],
    [{ service: 'ssh,dns' }, ['ssh', 'dns']],
    [{ state: 's0' }, ['scan']],
    [{ outcome: 'refused' }, ['refused']],
    [{ outcome: 'unanswered,refused_rst' }, ['refused', 'scan']],
    [{ name: '*.shop.example' }, ['dns', 'api', 'web']],
    [{ name: 'WWW.shop.example' }, ['dns', 'web']],
    [{ ja4: 't13d1516h2_8daaf6152771_02713d6af862' }, ['web']],
    [{ hassh: 'ec7378c1a92f5a8dde7e8b7a1ddf33d1' }, ['ssh']],
    [{ user: 'root' }, ['ssh']],
    [{ min_bytes: '1000000' }, ['api']],
    [{ max_packets: '1' }, ['scan']],
    [{ min_duration: '3600', open: 'true' }, ['open']],
    [{ max_duration: '0.5', vlan: '42' }, ['web']],
    [{ open: 'true' }, ['open']],
    [{ open: 'false', capture_node: 'edge-1', site: 'branch-7', outcome: 'unanswered' }, ['scan']],
    [{ site: 'elsewhere' }, []],
    [{ from: '2026-03-01T09:30:00Z' }, ['open', 'ssh']],
    [{ to: '2026-03-01T09:00:02Z' }, ['api', 'web']],
    [{ hours: '1.5' }, ['open']],
  ])('filters by %j', async (query, expected) => {
    expect(await found(query)).toEqual(expected);
  });

  it.each<[string, Name[]]>([
    ['src 10.0.0.66 and not dport 22', ['refused']],
    ['service ssh or dns.name ~ "*.shop.example" and not proto udp', ['ssh', 'api', 'web']],
    ['bytes >= 1000000', ['api']],
    ['packets < 2', ['scan']],
    ['duration >= 3590 and duration <= 7190', ['ssh']],
    ['2001:db8::/32 outcome answered', ['ssh']],
    ['::ffff:10.0.0.66 state S0', ['scan']],
    ['not name www.shop.example and site branch-7 and vlan != 42 and 10.0.0.1', ['open', 'refused', 'scan', 'api']],
  ])('searches %s', async (q, expected) => {
    expect(await found({ q })).toEqual(expected);
    const { body } = await api.post<Page>('/api/conversations/search', { q });
    expect(namesOf(body.conversations)).toEqual(expected);
  });

  it('takes the names by which packets and other tools call their ends', async () => {
    expect(await found({ source_ip: '10.0.0.66', dest_port: '22' })).toEqual(['scan']);
    expect(await found({ ip_range: '2001:db8::/32', protocols: 'TCP' })).toEqual(['ssh']);
    const { body } = await api.post<Page>('/api/conversations/search', { filter: { dest_ip: '10.0.0.53' } });
    expect(namesOf(body.conversations)).toEqual(['dns']);
  });

  it('gives one by its id', async () => {
    const { conversations } = await api.get<Page>('/api/conversations?state=S0');
    expect(await api.get(`/api/conversations/${conversations[0]!.id}`)).toEqual(conversations[0]);
    const missing = await api.request('/api/conversations/1');
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ code: 'NO_SUCH_CONVERSATION', errors: [{ input: 'id' }] });
    expect((await api.request('/api/conversations/99999999999999999999')).status).toBe(400);
  });

  it('tells what it is searched by', async () => {
    const { conversations: fields } = await api.get<{
      conversations: { name: string; words: string[]; example: string }[];
    }>('/api/fields');
    expect(fields.find(({ name }) => name === 'originator')?.words).toEqual(
      expect.arrayContaining(['source', 'source_ip', 'src']),
    );
    // What is given as an example is taken.
    for (const { name, example } of fields) {
      await found({ q: example.includes('=') ? `${name} "${example}"` : `${name} ${example}` });
    }
  });

  it('gives pages that join', async () => {
    const names: Name[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page: Page = await api.get(`/api/conversations?limit=2${next === '' ? '' : `&next=${next}`}`);
      names.push(...namesOf(page.conversations));
      next = page.next;
    }
    expect(names).toEqual(ORDER);
  });

  it.each([
    ['host=nowhere', 'host', /no IP address/],
    ['state=SX', 'state', /is no state/],
    ['outcome=answerd', 'outcome', /did you mean answered/],
    ['protocol=arp', 'protocol', /no protocol of conversations/],
    ['community_id=1:x', 'community_id', /no Community ID/],
    ['name=*', 'name', /is no name/],
    ['min_bytes=-1', 'min_bytes', /one number of bytes/],
    ['servce=ssl', 'servce', /did you mean service/],
    ['next=x', 'next', /no cursor/],
    ['q=prot+1', 'q', /at character 1: .*did you mean/],
  ])('refuses %s', async (query, input, reason) => {
    const response = await api.request(`/api/conversations?${query}`);
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { input: string; reason: string }[] };
    expect(errors).toMatchObject([{ input, reason: expect.stringMatching(reason) }]);
  });
});

describe('POST /api/conversations/search', () => {
  it('combines with and, or and not', async () => {
    const { body } = await api.post<Page>('/api/conversations/search', {
      filter: {
        or: [{ service: 'ssh' }, { name: '*.shop.example', not: { service: 'dns' } }],
        not: { min_bytes: 1_000_000 },
      },
    });
    expect(namesOf(body.conversations)).toEqual(['ssh', 'web']);
  });

  it('without a body gives the first page of all', async () => {
    const { status, body } = await api.post<Page>('/api/conversations/search');
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body).toEqual(await api.get<Page>('/api/conversations'));
  });

  it('sums by fields', async () => {
    const { status, body } = await api.post('/api/conversations/search', {
      filter: { originator: '10.0.0.0/24' },
      group_by: ['service', 'outcome'],
      order_by: 'conversations',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      complete: true,
      groups: [
        { service: 'ssl', outcome: 'answered', conversations: 3, packets: 27, bytes: 5_009_603 },
        { service: 'dns', outcome: 'answered', conversations: 1 },
        { service: 'unknown', outcome: 'refused_rst', conversations: 1, bytes: 114 },
        { service: 'unknown', outcome: 'unanswered', conversations: 1, last_seen: '2026-03-01T09:00:03.500000Z' },
      ],
    });
    const every = ['originator', 'responder', 'responder_port', 'ip_protocol', 'state', 'name', 'ja4', 'vlan', 'site'];
    for (const name of every) {
      const answer = await api.post<{ groups: object[] }>('/api/conversations/search', { group_by: [name] });
      expect(answer.status, name).toBe(200);
      expect(answer.body.groups[0], name).toHaveProperty(name);
    }
    expect((await api.post('/api/conversations/search', { group_by: ['service', 'service'] })).status).toBe(400);
    expect((await api.post('/api/conversations/search', { filter: { srvice: 'x' } })).status).toBe(400);
  });
});

describe('GET /api/hosts/{ip}', () => {
  it('says what a host began, what was begun towards it, and its alerts', async () => {
    expect(await api.get('/api/hosts/10.0.0.1')).toMatchObject({
      address: '10.0.0.1',
      first_seen: '2026-03-01T09:00:00.000000Z',
      last_seen: '2026-03-01T11:00:00.000000Z',
      macs: ['02:00:00:00:00:aa'],
      names: [],
      used: {
        conversations: 4,
        bytes_sent: 6_201,
        bytes_received: 5_008_002,
        complete: true,
        services: [
          { service: 'ssl', protocol: 'tcp', port: 443, peers: 1, conversations: 3 },
          { service: 'dns', protocol: 'udp', port: 53, peers: 1, conversations: 1 },
        ],
        peers: [{ address: '192.0.2.1', conversations: 3 }, { address: '10.0.0.53' }],
        outcomes: { answered: 4, unanswered: 0 },
      },
      offered: {
        conversations: 2,
        bytes_received: 120,
        bytes_sent: 54,
        services: [
          { service: 'unknown', port: 22 },
          { service: 'unknown', port: 23 },
        ],
        outcomes: { refused_rst: 1, unanswered: 1 },
      },
      alerts: { as_source: { total: 0 }, as_target: { total: 0 } },
    });
    expect(await api.get('/api/hosts/10.0.0.66?hours=87600')).toMatchObject({
      alerts: { as_source: { total: 1, latest: [{ id: 'a' }] } },
    });
    expect(await api.get('/api/hosts/192.0.2.1')).toMatchObject({
      names: [
        { name: 'api.shop.example', given_by: 'peers', conversations: 1 },
        { name: 'www.shop.example', given_by: 'peers', conversations: 1 },
      ],
      used: { conversations: 0, services: [], peers: [] },
    });
    expect(await api.get('/api/hosts/2001:db8::99')).toMatchObject({ first_seen: null, macs: [] });
    expect((await api.request('/api/hosts/nobody')).status).toBe(400);
  });
});

describe('downloads', () => {
  const download = async (path: string): Promise<Response> => {
    const response = await api.request(`/api/conversations.${path}`);
    expect(response.status, path).toBe(200);
    return response;
  };

  it('have what the list has, oldest first', async () => {
    const csv = (await (await download('csv?q=proto+tcp+and+name+*.shop.example')).text()).trim().split('\n');
    expect(csv).toHaveLength(3);
    expect(csv[0]).toContain('started_at,last_at,open,duration,site,');
    const objects = (await (await download('json?source_ip=10.0.0.66&limit=1')).text()).trim().split('\n');
    expect(objects.map((line) => JSON.parse(line))).toMatchObject([{ originator: '10.0.0.66', state: 'S0' }]);
    const zeek = await download('zeek?hours=87600');
    expect(zeek.headers.get('content-disposition')).toBe('attachment; filename="conn.log"');
    expect((await zeek.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toHaveLength(
      NAMES.length,
    );
  });
});

describe('nta export conversations', () => {
  async function exported(changes: Partial<ExportSettings>): Promise<string> {
    const chunks: Buffer[] = [];
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(chunk);
        done();
      },
    });
    const settings = { ...readSettings(exportOptions, {}, {}), ...changes, ...api.database.settings };
    await exportRows(settings, 'conversations', output);
    return Buffer.concat(chunks).toString();
  }

  it('writes CSV and JSON of what filters select', async () => {
    const csv = (await exported({ format: 'csv', filter: ['name=*.shop.example', 'protocol=tcp'] })).trim().split('\n');
    expect(csv).toHaveLength(3);
    expect(csv[0]).toContain('started_at,last_at,open,duration,site,capture_node,interface,id,originator,');
    expect(csv[1]).toContain(
      ',10.0.0.1,50001,192.0.2.1,443,6,42,t,ssl,SF,answered,ShADadFf,5,4,600,4000,200,3600,0,0,www.shop.example,',
    );
    const [open, ...more] = (await exported({ format: 'json', from: '2026-03-01T10:30:00Z' })).trim().split('\n');
    expect(more).toEqual([]);
    expect(JSON.parse(open!)).toMatchObject({ open: true, originator_port: 50_009, state: 'SF', name: null });
    expect(await exported({ format: 'csv', source: '10.0.0.66', filter: ['state=S0'] })).toContain(',10.0.0.66,40000,');
    expect(
      (await exported({ format: 'json', search: 'src 10.0.0.66 and not state S0' })).trim().split('\n'),
    ).toHaveLength(1);
  });

  it('writes a conn.log as Zeek does', async () => {
    const lines = (await exported({ format: 'zeek' })).trim().split('\n');
    const fields = lines
      .find((line) => line.startsWith('#fields'))!
      .split('\t')
      .slice(1);
    const types = lines
      .find((line) => line.startsWith('#types'))!
      .split('\t')
      .slice(1);
    expect(types).toHaveLength(fields.length);
    expect(lines[0]).toBe('#separator \\x09');
    expect(lines.at(-1)).toMatch(/^#close\t\d{4}(-\d\d){5}$/);
    const rows = lines
      .filter((line) => !line.startsWith('#'))
      .map((line) => Object.fromEntries(line.split('\t').map((value, index) => [fields[index], value])));
    expect(rows).toHaveLength(NAMES.length);
    expect(rows[0]).toMatchObject({
      ts: '1772355600.000000',
      'id.orig_h': '10.0.0.1',
      'id.orig_p': '50001',
      'id.resp_h': '192.0.2.1',
      'id.resp_p': '443',
      proto: 'tcp',
      service: 'ssl',
      duration: '0.500000',
      orig_bytes: '200',
      resp_bytes: '3600',
      conn_state: 'SF',
      history: 'ShADadFf',
      orig_pkts: '5',
      orig_ip_bytes: String(600 - 5 * 18),
      resp_ip_bytes: String(4000 - 4 * 18),
      community_id: expect.stringMatching(/^1:.{27}=$/),
    });
    expect(rows.find(({ conn_state: state }) => state === 'S0')).toMatchObject({
      service: '-',
      duration: '-',
      orig_bytes: '-',
      history: 'S',
      resp_pkts: '0',
    });
  });
});
