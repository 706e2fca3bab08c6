import { Writable } from 'node:stream';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExportSettings, exportOptions, exportRows } from '../../../api/export/export.js';
import { readSettings } from '../../../runtime/process/options.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { createTestDatabase, type TestDatabase, testLog } from '../../support/local-stack.js';
import { StoredRows } from '../../support/sink-rows.js';

/** More than a row group of Parquet holds. */
const PACKETS = 60_000;

/** Keeps what is written, slowly: a reader that lags must not lose anything. */
class Collector extends Writable {
  private readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    setImmediate(done);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function arrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

describe('exportRows', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate(database.settings, testLog());
    const rows = new StoredRows(database.connection);
    await rows.query(
      `INSERT INTO origins (capture_node, interface, link_type, timeline, sampling, sampling_rate)
       VALUES ('node "1"', 'eth0', 1, '', 'none', 1)`,
    );
    await rows.storePackets(
      `SELECT '2026-01-01T00:00:00.000001Z'::timestamptz + i * interval '1 second' AS captured_at, i AS id, 1 AS origin_id,
         60 + i % 1000 AS frame_length, 60 AS captured_length, 1::smallint AS role, 2048 AS ether_type,
         '02:00:00:00:00:01'::macaddr AS source_mac, '02:00:00:00:00:02'::macaddr AS destination_mac,
         '192.0.2.1'::inet + i % 2 AS source, '198.51.100.1'::inet AS destination, 6::smallint AS ip_protocol,
         64::smallint AS ttl, i AS ip_id, 1024 + i AS source_port, 80 AS destination_port, 16::smallint AS tcp_flags,
         4294967295 AS tcp_sequence, '{"dns": {"query": "a\\\\b\\nc"}}'::jsonb AS details
       FROM generate_series(1, $1::int) AS i`,
      [PACKETS],
    );
  });

  afterAll(async () => {
    await database?.remove();
  });

  async function run(changes: Partial<ExportSettings>, what: 'packets' | 'conversations' | 'alerts' = 'packets') {
    const output = new Collector();
    const settings = { ...readSettings(exportOptions, {}, {}), ...changes, ...database.settings };
    const progress: number[] = [];
    const rows = await exportRows(settings, what, output, (count) => progress.push(count));
    await new Promise((resolve) => output.end(resolve));
    return { rows, bytes: output.bytes, progress };
  }

  it('writes CSV with a header', async () => {
    const { rows, bytes } = await run({ format: 'csv', source: '192.0.2.1' });
    const lines = bytes.toString().trim().split('\n');
    expect(rows).toBe(PACKETS / 2);
    expect(lines[0]).toMatch(/^captured_at,id,capture_node,/);
    expect(lines[1]).toMatch(/^2026-01-01 00:00:02\.000001\+00,\d+,"node ""1""",eth0,62,60,/);
  });

  it('gives the packets and the conversations of an alert: between its ends, from its first to its last', async () => {
    const rows = new StoredRows(database.connection);
    const evidence = {
      first_seen: '2026-01-01T00:01:40.000001Z',
      last_seen: '2026-01-01T00:01:50.000001Z',
      packets: 6,
      peak: 6,
      rate: 1,
    };
    const document = {
      source: { ip: '192.0.2.1', address: '192.0.2.1' },
      destination: { ip: '198.51.100.1', port: 80 },
      observer: { name: ['node "1"'] },
      nta: { alert: { evidence } },
    };
    await rows.query(
      `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, sequence, source, technique_ids, capture_nodes, message, crossed_at,
         first_seen, last_seen, packets, evidence, document)
       VALUES ('a1', 'port-scan', 'Port scan', '1', 3, 'open', 1, '192.0.2.1', '{}', '{}', 'm', now(), now(), now(), 6, '{}', $1)`,
      [JSON.stringify(document)],
    );
    await rows.query(
      `INSERT INTO conversations (ended_at, started_at, id, originator_bytes, responder_bytes, originator_payload, responder_payload,
         originator_packets, responder_packets, origin_id, originator_port, responder_port, ip_protocol, state, outcome, begun, originator, responder)
       SELECT time + interval '5 seconds', time, i, 1, 1, 0, 0, 1, 1, 1, 1024 + i, 80, 6, 4, 2, true, '192.0.2.1'::inet + i % 2, '198.51.100.1'
       FROM generate_series(90, 120) AS i CROSS JOIN LATERAL (SELECT '2026-01-01T00:00:00.000001Z'::timestamptz + i * interval '1 second' AS time) AS times`,
    );
    const packets = await run({ format: 'json', alert: 'a1' });
    const seen = packets.bytes
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: number; source: string });
    expect(seen.map(({ source }) => source)).toEqual(Array.from({ length: 6 }, () => '192.0.2.1'));
    const pcap = await run({ format: 'pcap', alert: 'a1' });
    expect(pcap.rows).toBe(6);
    const conversations = await run({ format: 'json', alert: 'a1', search: 'sport >= 1130' }, 'conversations');
    // One that began before and was still under way is of it, one that had ended is not.
    const own = (await run({ format: 'json', alert: 'a1' }, 'conversations')).bytes.toString().trim().split('\n');
    expect(own.map((line) => (JSON.parse(line) as { originator_port: number }).originator_port)).toEqual(
      [96, 98, 100, 102, 104, 106, 108, 110].map((i) => 1024 + i),
    );
    expect(conversations.rows).toBe(3);
    await expect(run({ alert: 'none' })).rejects.toThrow(/--alert none: there is no such alert/);
    await expect(run({ alert: 'a1' }, 'alerts')).rejects.toThrow(/--alert: is of packets and conversations/);
    await rows.query('DELETE FROM alerts');
  });

  it('writes an object a line', async () => {
    const { rows, bytes } = await run({ format: 'json', from: '2026-01-01T00:00:10Z', to: '2026-01-01T00:00:12Z' });
    const objects = bytes
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toBe(2);
    expect(objects.map(({ ip_id }) => ip_id)).toEqual([10, 11]);
    expect(objects[0]).toMatchObject({
      role: 'opening',
      tcp_sequence: 4294967295,
      details: { dns: { query: 'a\\b\nc' } },
    });
  });

  it('tells how far it is', async () => {
    for (const format of ['csv', 'json', 'pcap', 'parquet'] as const) {
      const { progress } = await run({ format });
      expect(progress.length, format).toBeGreaterThan(5);
      expect(progress, format).toEqual(progress.toSorted((a, b) => a - b));
      expect(progress.at(-1), format).toBeLessThanOrEqual(PACKETS);
    }
  });

  it('writes packets as Parquet, by row groups', async () => {
    const { rows, bytes } = await run({ format: 'parquet' });
    expect(rows).toBe(PACKETS);
    const file = arrayBuffer(bytes);
    const { row_groups: groups } = parquetMetadata(file);
    expect(groups.map(({ num_rows }) => Number(num_rows))).toEqual([50_000, 10_000]);
    const packets = await parquetReadObjects({ file });
    expect(packets).toHaveLength(PACKETS);
    expect(
      packets.every(({ ip_id }, i) => Number(ip_id) === i + 1),
      'in the order of time',
    ).toBe(true);
    expect(new Set(packets.map(({ id }) => id)).size).toBe(PACKETS);
    expect(packets[50_000]).toEqual({
      captured_at: new Date('2026-01-01T13:53:21.000Z'),
      id: expect.any(BigInt),
      capture_node: 'node "1"',
      interface: 'eth0',
      frame_length: 61,
      captured_length: 60,
      source_mac: '02:00:00:00:00:01',
      destination_mac: '02:00:00:00:00:02',
      vlan: null,
      inner_vlan: null,
      ether_type: 2048,
      source: '192.0.2.2',
      destination: '198.51.100.1',
      ip_protocol: 6,
      ttl: 64,
      ip_id: 50_001n,
      fragment_offset: null,
      source_port: 51_025,
      destination_port: 80,
      tcp_flags: 16,
      tcp_sequence: 4294967295n,
      icmp_type: null,
      icmp_code: null,
      arp_operation: null,
      role: 'opening',
      failure: null,
      details: { dns: { query: 'a\\b\nc' } },
    });
    // A Date has no µs.
    const parsers = { timestampFromMicroseconds: (micros: bigint) => micros };
    const [first] = await parquetReadObjects({ file, columns: ['captured_at'], rowEnd: 1, parsers });
    expect(first).toEqual({ captured_at: BigInt(Date.UTC(2026, 0, 1)) * 1000n + 1_000_001n });
  });

  it('writes alerts as Parquet, and a file of no rows', async () => {
    await new StoredRows(database.connection).query(
      `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, sequence, source, source_ip, technique_ids,
         capture_nodes, message, crossed_at, first_seen, last_seen, packets, evidence, document)
       VALUES ('a1', 'port-scan', 'Port scan', '1', 3, 'open', 1, '192.0.2.1', '192.0.2.1', '{T1046,T1595}', '{"node, 1"}',
         'scanned', '2026-01-01', '2026-01-01', '2026-01-02', 5000000000, '{"ports": [1, 2]}', '{}')`,
    );
    const { rows, bytes } = await run({ format: 'parquet' }, 'alerts');
    expect(rows).toBe(1);
    expect(await parquetReadObjects({ file: arrayBuffer(bytes) })).toEqual([
      expect.objectContaining({
        id: 'a1',
        severity: 3,
        destination: null,
        technique_ids: ['T1046', 'T1595'],
        capture_nodes: ['node, 1'],
        first_seen: new Date('2026-01-01'),
        packets: 5_000_000_000n,
        resolved_at: null,
        evidence: { ports: [1, 2] },
      }),
    ]);
    const none = await run({ format: 'parquet', from: '2030-01-01' }, 'alerts');
    expect(none.rows).toBe(0);
    expect(await parquetReadObjects({ file: arrayBuffer(none.bytes) })).toEqual([]);
  });

  it('writes no CSV that a spreadsheet runs', async () => {
    const rows = new StoredRows(database.connection);
    await rows.query(
      `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, sequence, source, source_ip, technique_ids,
         capture_nodes, message, crossed_at, first_seen, last_seen, packets, evidence, document, resolved_at, resolved_by, note)
       VALUES ('f1', '=rule', '@name', '1', 3, 'open', 1, '192.0.2.1', '192.0.2.1', '{}', '{=node}', '=HYPERLINK("http://a")',
         '2026-04-01', '2026-04-01', '2026-04-01', 1, '{}', '{}', '2026-04-01', '+ada', E'\\t-1')`,
    );
    const csv = (await run({ format: 'csv', from: '2026-04-01' }, 'alerts')).bytes.toString().split('\n')[1]!;
    for (const text of [",'=rule,", ",'@name,", `"'=HYPERLINK(""http://a"")"`, ",'+ada,", ",'\t-1,"])
      expect(csv).toContain(text);
    // Programs get the texts as they are.
    expect((await run({ format: 'json', from: '2026-04-01' }, 'alerts')).bytes.toString()).toContain(
      '"rule_id":"=rule"',
    );
    await rows.query(`DELETE FROM alerts WHERE id = 'f1'`);
  });

  it('selects alerts', async () => {
    const rows = new StoredRows(database.connection);
    const insert = (id: string, rule: string, severity: number, status: string, source: string, port: number | null) =>
      rows.query(
        `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, sequence, source, source_ip, source_mac,
           destination_port, technique_ids, capture_nodes, message, crossed_at, first_seen, last_seen, packets, evidence, document)
         VALUES ($1, $2, 'r', '1', $3, $4, 1, $5::text, CASE WHEN length($5) < 17 THEN $5::inet END,
           CASE WHEN length($5) = 17 THEN $5::macaddr END, $6, '{}', ARRAY['tap ' || $1], 'm', '2026-03-01', '2026-03-01',
           '2026-03-01', 1, '{}', '{}')`,
        [id, rule, severity, status, source, port],
      );
    await insert('s1', 'port-scan', 3, 'open', '203.0.113.9', null);
    await insert('s2', 'brute-force', 3, 'closed', '203.0.113.9', 22);
    await insert('s3', 'syn-flood', 4, 'closed', '2001:db8::9', null);
    await insert('s4', 'arp-spoofing', 2, 'open', '02:00:00:00:00:09', null);
    const ids = async (changes: Partial<ExportSettings>) =>
      (await run({ format: 'json', from: '2026-03-01', ...changes }, 'alerts')).bytes
        .toString()
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(await ids({})).toEqual(['s1', 's2', 's3', 's4']);
    expect(await ids({ to: '2026-03-01' })).toEqual([]);
    expect(await ids({ source: '203.0.113.0/24' })).toEqual(['s1', 's2']);
    expect(await ids({ source: '2001:db8::9,02:00:00:00:00:09' })).toEqual(['s3', 's4']);
    expect(await ids({ port: '22' })).toEqual(['s2']);
    expect(await ids({ filter: ['rule=port-scan,syn-flood'] })).toEqual(['s1', 's3']);
    expect(await ids({ filter: ['min_severity=3', 'status=closed'] })).toEqual(['s2', 's3']);
    expect(await ids({ filter: ['severity=2'] })).toEqual(['s4']);
    expect(await ids({ filter: ['resolved=true'] })).toEqual([]);
    expect(await ids({ filter: ['capture_node=tap s3'] })).toEqual(['s3']);
    await rows.query(`DELETE FROM alerts WHERE id LIKE 's_'`);
  });

  it('says that the output cannot be written to', async () => {
    const settings = { ...readSettings(exportOptions, {}, {}), ...database.settings };
    for (const format of ['csv', 'json', 'pcap', 'parquet'] as const) {
      const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space left')) });
      await expect(exportRows({ ...settings, format }, 'packets', full), format).rejects.toMatchObject({
        code: 'EXPORT_OUTPUT',
        message: expect.stringContaining('no space left'),
      });
    }
  });

  it('writes pcap with the headers that were stored', async () => {
    const { rows, bytes } = await run({ format: 'pcap', protocol: 'tcp', to: '2026-01-01T03:20:01Z' });
    expect(rows).toBe(12_000);
    expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4);
    let at = 24;
    for (let i = 1; i <= rows; i++) {
      expect(bytes.readUInt32LE(at)).toBe(Date.UTC(2026, 0, 1) / 1000 + i);
      expect(bytes.readUInt32LE(at + 4)).toBe(1);
      const included = bytes.readUInt32LE(at + 8);
      expect(included).toBe(54);
      expect(bytes.readUInt32LE(at + 12)).toBe(60 + (i % 1000));
      const frame = bytes.subarray(at + 16, at + 16 + included);
      expect(frame.readUInt16BE(12)).toBe(0x0800);
      expect(frame.readUInt16BE(16)).toBe(46 + (i % 1000));
      expect(frame.readUInt16BE(34)).toBe(1024 + i);
      expect(frame.readUInt32BE(38)).toBe(4294967295);
      at += 16 + included;
    }
    expect(at).toBe(bytes.length);
  });

  it('refuses what is no time or condition before it connects', async () => {
    for (const [flag, value] of Object.entries({ from: 'yesterdayish', to: '12:00' })) {
      expect(() => readSettings(exportOptions, { [flag]: value }, {})).toThrow(
        `--${flag}: ${JSON.stringify(value)} must be a`,
      );
    }
    expect(readSettings(exportOptions, { from: '2026-01-31 09:30:00.5+01:00' }, {}).from).not.toBe('');
    const nowhere = { ...readSettings(exportOptions, {}, {}), ...database.settings, dbPort: 1 };
    const refused: [Partial<ExportSettings>, 'packets' | 'alerts', string][] = [
      [{ source: 'example.org' }, 'packets', '--source: "example.org" is no IP address or network'],
      [{ destination: "' OR" }, 'packets', `--destination: "' OR" is no IP address or network`],
      [{ protocol: 'tpc' }, 'packets', '--protocol: "tpc" is no protocol known here; did you mean tcp?'],
      [{ port: '99999' }, 'packets', '--port: "99999" is no number from 0 to 65535'],
      [
        { filter: ['sorce=192.0.2.1'] },
        'packets',
        '--filter: packets have no sorce to select by; did you mean source?',
      ],
      [{ filter: ['tcp_flags=sny'] }, 'packets', '--filter: tcp_flags: "sny" is no TCP flag'],
      [{ filter: ['port 80'] }, 'packets', '--filter: "port 80" is no condition'],
      [{ filter: ['port=80', 'port=81'] }, 'packets', '--filter: port is given twice'],
      [{ source: '192.0.2.1', filter: ['source=192.0.2.2'] }, 'packets', '--filter: source is given twice'],
      [{ filter: ['port='] }, 'packets', '--filter: port: must not be empty'],
      [{ protocol: 'tcp' }, 'alerts', '--protocol: alerts have no protocol to select by'],
      [{ filter: ['severity=9'] }, 'alerts', '--filter: severity: "9" must be a severity from 1 to 5'],
      [{ filter: ['status=ajar'] }, 'alerts', '--filter: status: must be open or closed'],
      [{ source: 'example.org' }, 'alerts', '--source: "example.org" is no IP address or network'],
    ];
    for (const [changes, what, message] of refused) {
      await expect(
        exportRows({ ...nowhere, ...changes }, what, new Collector()),
        JSON.stringify(changes),
      ).rejects.toMatchObject({ code: 'EXPORT_FILTER', message: expect.stringContaining(message) });
    }
  });

  it('selects what the view has', async () => {
    const filters: [Partial<ExportSettings>, string][] = [
      [{ source: '192.0.2.2' }, `source = '192.0.2.2'`],
      [{ source: '192.0.2.2/31' }, `source <<= '192.0.2.2/31'`],
      [{ source: '192.0.0.0/20', destination: '198.0.0.0/7' }, `source <<= '192.0.0.0/20'`],
      [{ destination: '2001:db8::/32' }, 'false'],
      [{ port: '1500' }, '1500 IN (source_port, destination_port)'],
      [{ port: '80', from: '2026-01-01T00:00:19.5Z', to: '2026-01-01T00:00:40Z' }, 'ip_id BETWEEN 20 AND 39'],
      [{ from: '2026-01-01T16:39:55Z' }, 'ip_id >= 59995'],
      [{ to: '2026-01-01T00:00:10Z' }, 'ip_id < 10'],
      [{ protocol: 'udp' }, 'false'],
      [{ port: '1500-1509,60000' }, 'source_port BETWEEN 1500 AND 1509 OR source_port = 60000'],
      [{ filter: ['source_port=1500', 'tcp_flags=ack,!syn', 'capture_node=node "1"'] }, 'source_port = 1500'],
      [{ filter: ['tcp_flags=syn'] }, 'false'],
      [
        { filter: ['host=192.0.2.2', 'min_length=1055', 'mac=02:00:00:00:00:02'] },
        `source = '192.0.2.2' AND frame_length >= 1055`,
      ],
      [{ filter: ["capture_node=' OR true --"] }, 'false'],
      [{ source: '192.0.2.1', filter: ['destination_port=80', 'source_port=1026'] }, 'source_port = 1026'],
    ];
    const rows = new StoredRows(database.connection);
    for (const [filter, condition] of filters) {
      const expected = await rows.query<{ id: string }>(
        `SELECT id FROM packets WHERE ${condition} ORDER BY captured_at, id`,
      );
      const lines = (await run({ ...filter, format: 'json' })).bytes.toString().split('\n').slice(0, -1);
      const got = lines.map((line) => String(JSON.parse(line).id));
      expect(got, JSON.stringify(filter)).toEqual(expected.map(({ id }) => id));
    }
  });

  it('finds addresses and ports of segments that have too many for the index', async () => {
    const rows = new StoredRows(database.connection);
    const day = `'2026-02-01Z'`;
    await rows.storePackets(
      `SELECT ${day}::timestamptz + i * interval '1 millisecond' AS captured_at, i AS id, 1 AS origin_id, 60 AS frame_length,
         60 AS captured_length, 1::smallint AS role, 17::smallint AS ip_protocol, source,
         i AS source_port, 9 AS destination_port
       FROM generate_series(1, 200) AS i, unnest(ARRAY['203.0.113.0'::inet + i, '2001:db8::'::inet + i]) AS source`,
    );
    try {
      // What the sink writes of a flood from forged addresses.
      await rows.query(
        `UPDATE packet_segments SET source_ports = '{-1}', sources = '{203.255.255.255/8, 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/32}'
         WHERE first_at >= ${day}`,
      );
      const count = async (filter: Partial<ExportSettings>) => (await run({ ...filter, from: '2026-02-01' })).rows;
      expect(await count({ source: '203.0.113.7' })).toBe(1);
      expect(await count({ source: '203.0.113.0/29' })).toBe(7);
      expect(await count({ source: '203.0.0.0/8' })).toBe(200);
      expect(await count({ source: '200.0.0.0/6' })).toBe(200);
      expect(await count({ source: '2001:db8::7' })).toBe(1);
      expect(await count({ source: '2001:db8::/120' })).toBe(200);
      expect(await count({ source: '2001::/16' })).toBe(200);
      expect(await count({ port: '7' })).toBe(2);
    } finally {
      await rows.query(`DELETE FROM packet_segments WHERE first_at >= ${day}`);
    }
  });

  it('selects a protocol by any of its names', async () => {
    const { rows } = await run({ protocol: 'tcp' });
    expect(rows).toBeGreaterThan(0);
    expect((await run({ protocol: '6' })).rows).toBe(rows);
    expect((await run({ protocol: 'arp' })).rows).toBe(0);
    expect((await run({ protocol: 'dns' })).rows).toBe(rows);
    expect((await run({ protocol: 'tls' })).rows).toBe(0);
  });

  it('names what it cannot do', async () => {
    await expect(run({ format: 'pcap' }, 'alerts')).rejects.toMatchObject({ code: 'EXPORT_FORMAT' });
    await expect(run({ source: '1.2.3' }, 'alerts')).rejects.toMatchObject({ code: 'EXPORT_FILTER' });
    await expect(run({ from: '2026-02-31' })).rejects.toMatchObject({ code: 'EXPORT_FILTER' });
    expect((await run({ format: 'csv', from: '2030-01-01' }, 'alerts')).rows).toBe(0);
  });
});
