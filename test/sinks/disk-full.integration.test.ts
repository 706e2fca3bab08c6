/** A disk that is really full: the database lies on a tmpfs that is too small for its packets, until it is made larger. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, it } from 'vitest';
import { createKafka } from '../../runtime/kafka/client.js';
import { ensureTopics } from '../../runtime/kafka/topic-setup.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { createPostgresSink } from '../../sinks/postgres-sink.js';
import { createTestDatabase, createTestTopics, testLog } from '../support/local-stack.js';
import { packetRecords } from '../support/packet-blocks.js';
import { requireCondition, type SkippableTest } from '../support/requirement.js';
import { publishPackets, StoredRows, until } from '../support/sink-rows.js';

/** An empty database and our tables take 9 MB, the packets below 25 MB. */
const TOO_SMALL = '18m';
const TRAFFIC = {
  seed: 5,
  records: 2_400,
  packets: 100,
  sources: 300,
  start: Date.UTC(2026, 0, 2, 12) * 1000,
  step: 20,
};

it('waits while the disk is full, says so, and stores everything once there is room', async (context) => {
  const server = new pg.Client(inject('postgres'));
  await server.connect();
  const { rows: settings } = await server.query<{ data_directory: string }>('SHOW data_directory');
  const disk = mountSmallDisk(context, settings[0]!.data_directory);
  const tablespace = `small_${process.pid}`;
  const topics = createTestTopics();
  const database = await createTestDatabase();
  const rows = new StoredRows(database.connection);
  let sink: ReturnType<typeof createPostgresSink> | undefined;
  let watcher: pg.Client | undefined;
  try {
    await server.query(`CREATE TABLESPACE ${tablespace} LOCATION '${disk.path}'`);
    await server.query(`ALTER DATABASE ${database.connection.database} SET TABLESPACE ${tablespace}`);
    await migrate(database.settings, testLog());
    await ensureTopics(createKafka(topics.settings, 'test', testLog()), {
      partitions: 2,
      replicationFactor: 1,
      retentionHours: 24,
      retentionBytes: 0,
      topicPrefix: topics.prefix,
    });
    const packets = await publishPackets(topics.settings, packetRecords(TRAFFIC));
    const starting = createPostgresSink(
      { ...topics.settings, ...database.settings, store: 'all', partitionInterval: 'day' },
      testLog(),
      createRegistry(),
    );
    sink = starting;
    // Postgres has no room for a new connection's files on a disk that is full.
    watcher = new pg.Client(database.connection);
    await watcher.connect();
    await starting.start();
    await until(async () => starting.readiness()?.includes('no disk space left') ?? false);
    const { rows: offsets } = await watcher.query(
      'SELECT coalesce(sum(packets), 0)::float8 AS packets FROM sink_offsets',
    );
    expect(offsets[0].packets).toBeLessThan(packets);

    disk.resize('256m');
    await until(async () => (await rows.accounted()) === packets);
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(packets);
    expect(await rows.value('SELECT count(DISTINCT id)::float8 FROM packets')).toBe(packets);
    expect(starting.readiness()).toBeNull();
  } finally {
    await sink?.stop();
    await watcher?.end();
    await database.remove();
    await server.query(`DROP TABLESPACE IF EXISTS ${tablespace}`);
    await server.end();
    disk.unmount();
    await topics.remove();
  }
});

interface SmallDisk {
  readonly path: string;
  resize(size: string): void;
  unmount(): void;
}

/** A tmpfs that belongs to the user who owns `like`. */
function mountSmallDisk(test: SkippableTest, like: string): SmallDisk {
  requireCondition(test, process.getuid?.() === 0, 'only root may mount a tmpfs; run the tests as root');
  const path = mkdtempSync(join(tmpdir(), 'nta-small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${TOO_SMALL},mode=700`, 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    rmdirSync(path);
    requireCondition(test, false, `no tmpfs can be mounted here: ${error}`);
  }
  const { uid, gid } = statSync(like);
  chownSync(path, uid, gid);
  return {
    path,
    resize: (size) => void execFileSync('mount', ['-o', `remount,size=${size}`, path]),
    unmount: () => {
      execFileSync('umount', ['-l', path]);
      rmdirSync(path);
    },
  };
}
