/**
 * pmacctd (pmacct.net), the accounting daemon whose plugins write to Kafka and to Postgres, told to keep every packet: with
 * the time of a packet in what it aggregates by, packets share a record only when they share the microsecond too.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../runtime/process/failure.js';
import type { BenchContext } from './bench.js';
import type { Yardstick } from './figure.js';
import { provideInput } from './inputs.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';
import { findTool, timeRun } from './yardsticks.js';

/** Enough that the seconds it waits for its writers at the end hardly count. */
const PACKETS = 500_000;
/** Room for all of them: what found no room in the cache was seen to be lost on its way to Postgres. */
const CACHE_ENTRIES = 2 * PACKETS;
/** It sleeps so long before it reads a file, until its plugins are there. */
const SLEEPS_SECONDS = 2;
/** Written out at the end of the file, not by the clock. */
const REFRESH_SECONDS = 3_600;
const PIPE_BYTES = 1 << 30;
const BUFFER_BYTES = 1 << 20;

type Plugin = 'kafka' | 'pgsql';
type PluginSettings = Readonly<Record<string, string | number | boolean>>;

/** Packets a second of a capture file to one JSON record a packet on Kafka. */
export function pmacctdToKafka(context: BenchContext): Promise<Yardstick> {
  return measure(context, 'kafka', 'pmacctd to Kafka', {}, async (pipeline) => {
    const { brokers, kafkaUser, kafkaPassword } = context.servers();
    const [host, port] = brokers[0]!.split(':');
    const login = join(context.folder, 'pmacctd-kafka-login.conf');
    writeFileSync(
      login,
      [
        'global, security.protocol, sasl_plaintext',
        'global, sasl.mechanism, SCRAM-SHA-256',
        `global, sasl.username, ${kafkaUser}`,
        `global, sasl.password, ${kafkaPassword}`,
        '',
      ].join('\n'),
      { mode: 0o600 },
    );
    const run = await runPmacctd(context, 'kafka', {
      kafka_broker_host: host!,
      kafka_broker_port: port!,
      kafka_topic: pipeline.topic,
      kafka_config_file: login,
    });
    return {
      ...run,
      arrived: (await pipeline.ends()).reduce((sum, end) => sum + end, 0),
      note: 'A record is JSON of addresses, ports, flags, length and time, without a key. It reads no names, knows no roles, and started again it knows nothing of what it has sent.',
    };
  });
}

/** Packets a second of a capture file to one row a packet in Postgres. */
export function pmacctdToPostgres(context: BenchContext): Promise<Yardstick> {
  return measure(context, 'pgsql', 'pmacctd to Postgres', { database: true }, async (pipeline) => {
    await pipeline.sql(
      `CREATE TABLE acct (ip_src inet, ip_dst inet, port_src int, port_dst int, tcp_flags smallint, ip_proto smallint,
         timestamp_start timestamptz, timestamp_start_residual int, packets bigint, bytes bigint)`,
    );
    const { host, port, user, password, database } = pipeline.database;
    const run = await runPmacctd(context, 'pgsql', {
      sql_host: host,
      sql_port: port,
      sql_user: user,
      sql_passwd: password,
      sql_db: database,
      sql_table: 'acct',
      sql_optimize_clauses: true,
      sql_num_protos: true,
      sql_dont_try_update: true,
      sql_use_copy: true,
      sql_cache_entries: CACHE_ENTRIES,
    });
    const { rows } = await pipeline.sql<{ count: string }>('SELECT count(*) FROM acct');
    return {
      ...run,
      arrived: Number(rows[0]!.count),
      note: 'It copies ten columns as text into a table without any index, straight from its memory: no Kafka, no detection, no statistics, and what it has not written is lost with it.',
    };
  });
}

interface PmacctdRun {
  readonly seconds: number;
  /** What it says that it has written. */
  readonly written: number;
}

async function measure(
  context: BenchContext,
  plugin: Plugin,
  name: string,
  options: PipelineOptions,
  run: (pipeline: Pipeline) => Promise<PmacctdRun & { readonly arrived: number; readonly note: string }>,
): Promise<Yardstick> {
  const absent = whyAbsent(plugin);
  if (absent !== null) return { name, value: null, note: absent };
  const pipeline = await Pipeline.create(context, options);
  try {
    const { seconds, written, arrived, note } = await run(pipeline);
    if (arrived !== written) throw new Error(`it says that it wrote ${written}, and ${arrived} are there`);
    return {
      name,
      value: arrived / seconds,
      note: `${arrived.toLocaleString('en-US')} packets from the beginning of the same capture, from its start to its end without the ${SLEEPS_SECONDS} s that it sleeps first; all but ARP, which it leaves out. ${note}`,
    };
  } catch (error) {
    // Ours has been measured by then and is not to be lost with it.
    return { name, value: null, note: `failed: ${messageOf(error)}` };
  } finally {
    await pipeline.remove();
  }
}

function whyAbsent(plugin: Plugin): string | null {
  const pmacctd = findTool('pmacctd');
  if (pmacctd === undefined) return 'not installed (package pmacct).';
  const { stdout, stderr } = spawnSync(pmacctd, ['-V'], { encoding: 'utf8' });
  return `${stdout}${stderr}`.includes(`--enable-${plugin}`) ? null : `this build of pmacctd has no plugin ${plugin}.`;
}

async function runPmacctd(context: BenchContext, plugin: Plugin, settings: PluginSettings): Promise<PmacctdRun> {
  const input = provideInput(context, 'mix', Math.min(context.scale.packets, PACKETS));
  const file = join(context.folder, `pmacctd-${plugin}.conf`);
  const lines = {
    daemonize: false,
    pcap_savefile: input.path,
    timestamps_since_epoch: plugin === 'kafka',
    plugins: plugin,
    aggregate: 'timestamp_start, src_host, dst_host, src_port, dst_port, proto, tcpflags',
    plugin_pipe_size: PIPE_BYTES,
    plugin_buffer_size: BUFFER_BYTES,
    [`${plugin === 'kafka' ? 'kafka' : 'sql'}_refresh_time`]: REFRESH_SECONDS,
    ...settings,
  };
  writeFileSync(
    file,
    `${Object.entries(lines)
      .map(([key, value]) => `${key}: ${value}`)
      .join('\n')}\n`,
    { mode: 0o600 },
  );
  try {
    // Its writers outlive it by a while; what they print to keeps the run open until they have ended.
    const { seconds, stdout, stderr } = await timeRun(findTool('pmacctd')!, ['-f', file]);
    const purges = [...`${stdout}${stderr}`.matchAll(/Purging cache - END .*QN: (\d+)\/(\d+)/g)];
    if (purges.length === 0) throw new Error(`pmacctd wrote nothing: ${stderr.slice(-1000)}`);
    return { seconds: seconds - SLEEPS_SECONDS, written: purges.reduce((sum, purge) => sum + Number(purge[1]), 0) };
  } finally {
    rmSync(file, { force: true });
  }
}
