import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../runtime/options.js';
import { type ExportSettings, exportOptions, exportRows } from '../../sinks/export.js';
import { migrate } from '../../sinks/migration.js';
import { createTestDatabase, type TestDatabase, testLog } from '../support/local-stack.js';
import { StoredRows } from '../support/sink-rows.js';

const PACKETS = 12_000;

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
    await rows.query(
      `INSERT INTO packets (captured_at, id, origin_id, frame_length, captured_length, role, ether_type, source_mac,
         destination_mac, source, destination, ip_protocol, ttl, ip_id, source_port, destination_port, tcp_flags, tcp_sequence, details)
       SELECT '2026-01-01T00:00:00.000001Z'::timestamptz + i * interval '1 second', i, 1, 60 + i % 1000, 60, 1, 2048,
         '02:00:00:00:00:01', '02:00:00:00:00:02', '192.0.2.1'::inet + i % 2, '198.51.100.1', 6, 64, i, 1024 + i, 80, 2,
         4294967295, '{"dns": {"query": "a\\\\b\\nc"}}'
       FROM generate_series(1, $1::int) AS i`,
      [PACKETS],
    );
  });

  afterAll(async () => {
    await database?.remove();
  });

  async function run(changes: Partial<ExportSettings>, what: 'packets' | 'alerts' = 'packets') {
    const output = new Collector();
    const settings = { ...readSettings(exportOptions, {}, {}), ...changes, ...database.settings };
    const rows = await exportRows(settings, what, output);
    await new Promise((resolve) => output.end(resolve));
    return { rows, bytes: output.bytes };
  }

  it('writes CSV with a header', async () => {
    const { rows, bytes } = await run({ format: 'csv', source: '192.0.2.1' });
    const lines = bytes.toString().trim().split('\n');
    expect(rows).toBe(PACKETS / 2);
    expect(lines[0]).toMatch(/^captured_at,id,capture_node,/);
    expect(lines[1]).toMatch(/^2026-01-01 00:00:02\.000001\+00,2,"node ""1""",eth0,62,60,/);
  });

  it('writes an object a line', async () => {
    const { rows, bytes } = await run({ format: 'json', from: '2026-01-01T00:00:10Z', to: '2026-01-01T00:00:12Z' });
    const objects = bytes
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toBe(2);
    expect(objects.map(({ id }) => id)).toEqual([10, 11]);
    expect(objects[0]).toMatchObject({
      role: 'opening',
      tcp_sequence: 4294967295,
      details: { dns: { query: 'a\\b\nc' } },
    });
  });

  it('writes pcap with the headers that were stored', async () => {
    const { rows, bytes } = await run({ format: 'pcap', protocol: 6 });
    expect(rows).toBe(PACKETS);
    expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4);
    let at = 24;
    for (let i = 1; i <= PACKETS; i++) {
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

  it('names what it cannot do', async () => {
    await expect(run({ format: 'pcap' }, 'alerts')).rejects.toMatchObject({ code: 'EXPORT_FORMAT' });
    await expect(run({ source: "x' OR true --" })).rejects.toMatchObject({ code: 'EXPORT_FILTER' });
    await expect(run({ from: 'yesterdayish' })).rejects.toMatchObject({ code: 'EXPORT_FILTER' });
    expect((await run({ format: 'csv' }, 'alerts')).rows).toBe(0);
  });
});
