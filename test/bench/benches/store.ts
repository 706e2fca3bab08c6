/** Packets from Kafka into Postgres, with the indexes that queries use: `nta sink postgres` on a topic that is already full. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Bench, BenchContext, DatabaseAddress } from '../bench.js';
import type { Figure, Yardstick } from '../figure.js';
import { provideInput } from '../inputs.js';
import { followStage, Pipeline } from '../pipeline.js';
import { ProcessMeter } from '../process-meter.js';
import { median, rateOfProgress } from '../statistics.js';
import { findTool, timeRun } from '../yardsticks.js';

const INSERTS = 5_000;

export const store: Bench = {
  name: 'store',
  summary: 'packets from Kafka into Postgres, beside psql \\copy of the same segments and one INSERT a packet',
  needsServers: true,
  async run(context) {
    const { scale, servers } = context;
    const input = provideInput(context, 'mix');
    const rates: number[] = [];
    const sinkCpu: number[] = [];
    const postgresCpu: number[] = [];
    const copies: number[] = [];
    let tableBytes = 0;
    let insert: Yardstick | undefined;
    for (let run = 0; run < scale.repeats; run++) {
      const pipeline = await Pipeline.create(context, { database: true });
      try {
        const { published } = await pipeline.publish([input.path]);
        const ends = await pipeline.ends();
        const postgres = new ProcessMeter(servers().postgresPid);
        const startedAt = performance.now();
        const sink = await pipeline.start(['sink', 'postgres']);
        const meter = new ProcessMeter(sink.pid);
        const samples = await sink.during(followStage(() => pipeline.stored(ends)));
        sinkCpu.push((meter.stop().cpuSeconds * 1e6) / published);
        postgresCpu.push((postgres.stop().cpuSeconds * 1e6) / published);
        await sink.stop();
        const { rows } = await pipeline.sql<{ packets: string; bytes: string }>(
          `SELECT (SELECT sum(packets) FROM packet_segments) AS packets,
                  (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('packet_segments')) AS bytes`,
        );
        if (Number(rows[0]!.packets) !== published)
          throw new Error(`${rows[0]!.packets} of ${published} packets stored`);
        tableBytes = Number(rows[0]!.bytes) / published;
        rates.push(rateOfProgress(samples) ?? (published * 1000) / (samples.at(-1)!.at - startedAt));
        if (findTool('psql') !== undefined) copies.push(await copyAgain(context, pipeline.database, published));
        insert ??= await insertEach(scale.quick ? 500 : INSERTS, pipeline.database);
      } finally {
        await pipeline.remove();
      }
    }
    const note = `From the first to the last transaction of nta sink postgres, ${input.packets.toLocaleString('en-US')} packets from 4 partitions, segments of up to 256 packets with both indexes, rollups and offsets in the same transactions. ${input.summary}.`;
    const rate = { value: median(rates), runs: rates, unit: 'packets/s', better: 'higher' } as const;
    const copy: Yardstick =
      copies.length === 0
        ? { name: 'psql \\copy binary', value: null, note: 'psql is not installed.' }
        : {
            name: 'psql \\copy binary',
            value: median(copies),
            note: 'the same segments from a file into an empty table with the same indexes, in one transaction and on one connection, counted in packets. It reads no Kafka, decodes nothing, counts nothing and cannot go on after a failure; our sink uses two connections.',
          };
    const figures: Figure[] = [
      { name: 'store', ...rate, target: 300_000, against: insert!, note },
      {
        name: 'store-beside-copy',
        ...rate,
        ...(copy.value === null ? {} : { target: 0.6 * copy.value }),
        against: copy,
        note: `To reach is 60 % of the yardstick. ${note}`,
      },
      {
        name: 'store-sink-cpu',
        value: median(sinkCpu),
        runs: sinkCpu,
        unit: 'µs/packet',
        better: 'lower',
        note: `Processor time of the sink. ${note}`,
      },
      {
        name: 'store-postgres-cpu',
        value: median(postgresCpu),
        runs: postgresCpu,
        unit: 'µs/packet',
        better: 'lower',
        note: `Processor time of Postgres meanwhile. ${note}`,
      },
      {
        name: 'row-bytes', // the name under which earlier reports have it
        value: tableBytes,
        unit: 'bytes/packet',
        better: 'lower',
        note: 'In Postgres with all indexes, before vacuum.',
      },
    ];
    return figures;
  },
};

/** Packets a second of `psql \copy` of the segments into a database made after ours. */
async function copyAgain({ folder }: BenchContext, database: DatabaseAddress, packets: number): Promise<number> {
  const file = join(folder, 'segments.bin');
  const copy = `${database.database}_copy`;
  const admin = new pg.Client({ ...database, database: 'postgres' });
  try {
    await psql(database, `\\copy (SELECT * FROM packet_segments) TO '${file}' WITH (FORMAT binary)`);
    const target = { ...database, database: copy };
    await admin.connect();
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.database}' AND pid <> pg_backend_pid()`,
    );
    await admin.query(`CREATE DATABASE ${copy} TEMPLATE ${database.database}`);
    await psql(target, 'TRUNCATE packet_segments');
    await admin.query('CHECKPOINT');
    const { seconds } = await psql(target, `\\copy packet_segments FROM '${file}' WITH (FORMAT binary)`);
    return packets / seconds;
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${copy} WITH (FORCE)`).catch(() => undefined);
    await admin.end();
    rmSync(file, { force: true });
  }
}

function psql({ host, port, user, password, database }: DatabaseAddress, command: string): ReturnType<typeof timeRun> {
  const args = [
    '-X',
    '-q',
    '-v',
    'ON_ERROR_STOP=1',
    '-h',
    host,
    '-p',
    String(port),
    '-U',
    user,
    '-d',
    database,
    '-c',
    command,
  ];
  return timeRun('psql', args, { env: { ...process.env, PGPASSWORD: password } });
}

/** What programs do that keep no batch: one INSERT a packet, each its own transaction, into a table of their own. */
async function insertEach(count: number, database: DatabaseAddress): Promise<Yardstick> {
  const client = new pg.Client(database);
  await client.connect();
  try {
    await client.query(
      `CREATE TABLE packet_rows (captured_at timestamptz NOT NULL, frame_length integer NOT NULL, ip_protocol smallint,
         source_port integer, destination_port integer, tcp_flags smallint, source inet, destination inet);
       CREATE INDEX ON packet_rows (captured_at);
       CREATE INDEX ON packet_rows (source);
       CREATE INDEX ON packet_rows (destination)`,
    );
    const text = `INSERT INTO packet_rows (captured_at, frame_length, ip_protocol, source_port, destination_port, tcp_flags,
      source, destination) VALUES ($1, $2, 6, $3, 443, 16, $4, $5)`;
    const now = new Date();
    const startedAt = performance.now();
    for (let i = 0; i < count; i++) {
      await client.query({
        name: 'insert',
        text,
        values: [now, 60 + (i % 1400), i & 0xffff, `10.0.${(i >> 8) & 255}.${i & 255}`, '192.0.2.80'],
      });
    }
    return {
      name: 'one INSERT a packet',
      value: (count * 1000) / (performance.now() - startedAt),
      note: `${count.toLocaleString('en-US')} prepared INSERTs into a table with a row a packet and indexes of time, source and destination, as scripts with Scapy make it; one connection, each committed by itself. It waits for the disk at every one, our sink does not have to.`,
    };
  } finally {
    await client.end();
  }
}
