/**
 * Takes records and stores them, a unit after the other: while one is stored, the next is filled. Knows nothing of how
 * records come.
 */
import type pg from 'pg';
import type { Logger } from '../runtime/log.js';
import { decodePacketBatch, MAX_BATCH_PACKETS } from '../schemas/packet-batch.js';
import { PacketBlock, type PacketOrigin } from '../schemas/packet-block.js';
import type { AlertedSources } from './alerted-sources.js';
import type { Availability } from './availability.js';
import { type DeadLetter, type PacketRecord, poisonLetter, refusedLetter } from './dead-letters.js';
import type { StorePolicy } from './options.js';
import { OriginDictionary } from './origin-dictionary.js';
import { nextUnit, type RefusedRow, storeUnit, storeUnitWithoutRefused } from './packet-store.js';
import { PacketUnit } from './packet-unit.js';
import type { PartitionKeeper } from './partition-keeper.js';
import { classifyPostgresError } from './postgres-errors.js';
import type { SinkMetrics } from './sink-metrics.js';
import { Superseded, storedOffsets, type TopicPosition } from './topic-position.js';

/**
 * A unit is stored once the one before it is done and it has this many packets or is this old. The more packets, the more of
 * a source stand in one segment; the older, the later they are seen.
 */
const UNIT_PACKETS = 1 << 17;
const UNIT_AGE_MS = 500;
/** Past these a unit takes no more records, and reading waits. */
const UNIT_PACKETS_MAX = 1 << 18;
const UNIT_RECORDS_MAX = 1 << 17;
/** Minutes by nodes: each is rows to write, and an old capture may hold a minute a packet. */
const UNIT_MINUTES_MAX = 2_048;

/** What the reader of the topic has to hear of. */
export interface PacketWriterEvents {
  /** Offsets that are stored now, by partition. */
  stored(offsets: ReadonlyMap<number, bigint>): void;
  /** Positions in memory are worthless: read them again, and the records from there. */
  superseded(): void;
  /** Storing has ended for good. */
  broken(error: unknown): void;
}

export class PacketWriter {
  private filling = new PacketUnit();
  private storing = new PacketUnit();
  private readonly block = new PacketBlock(MAX_BATCH_PACKETS);
  private readonly packing = new PacketBlock(MAX_BATCH_PACKETS);
  private readonly origins = new OriginDictionary();
  private busy = false;
  private readonly waiting: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  private broken: unknown = null;

  constructor(
    private readonly pool: pg.Pool,
    private readonly topic: string,
    private readonly store: StorePolicy,
    private readonly alerted: AlertedSources,
    private readonly keeper: PartitionKeeper,
    private readonly availability: Availability,
    private readonly deadLetter: (letters: readonly DeadLetter[]) => Promise<void>,
    private readonly metrics: SinkMetrics,
    private readonly log: Logger,
    private readonly events: PacketWriterEvents,
  ) {}

  /** Whether the unit that is being filled takes another record. */
  get hasRoom(): boolean {
    const { packets, records, rollup } = this.filling;
    return packets < UNIT_PACKETS_MAX && records.length < UNIT_RECORDS_MAX && rollup.size < UNIT_MINUTES_MAX;
  }

  /** Resolves when a unit has been stored or thrown away; throws when storing has broken for good. */
  async progress(): Promise<void> {
    if (this.broken !== null) throw this.broken;
    if (!this.busy) this.storeNext();
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.broken !== null) throw this.broken;
  }

  /**
   * Takes a record of the partition, whose position is that of the record; it is advanced. The caller has seen `hasRoom`.
   */
  async take(position: TopicPosition, record: PacketRecord): Promise<void> {
    this.block.reset();
    const result = record.value === null ? null : decodePacketBatch(record.value, this.block);
    const offset = BigInt(record.offset);
    if (result === null || !result.ok) {
      const [reason, detail] =
        result === null ? ['not_avro', 'the record has no value'] : [result.reason, result.detail];
      this.metrics.poisonRecords.inc({ reason });
      await this.deadLetter([poisonLetter(this.topic, position.partition, record, reason, detail)]);
      this.filling.partition(position).nextOffset = offset + 1n;
    } else {
      const originId = result.packets === 0 ? 0 : this.origins.known(result.origin);
      if (originId === undefined) {
        await this.lookUpOrigin(result.origin);
        return this.take(position, record); // the block may have been used meanwhile
      }
      this.append(position, record, result.packets, result.source, originId);
    }
    position.nextOffset = offset + 1n;
    if (!this.busy) this.schedule();
  }

  private append(
    position: TopicPosition,
    record: PacketRecord,
    packets: number,
    source: string,
    originId: number,
  ): void {
    const unit = this.filling;
    const part = unit.partition(position);
    part.nextOffset = BigInt(record.offset) + 1n;
    if (packets === 0) return;
    unit.rollup.add(this.block, 0, packets, source);
    const { every } = this.store;
    part.storedRows += unit.add(
      {
        partition: position.partition,
        offset: record.offset,
        key: record.key,
        value: record.value!,
        originId,
        firstTag: unit.packets,
        packets,
        every: every === 0 && this.alerted.has(source) ? 1 : every,
        firstOrdinal: position.packets,
      },
      source,
    );
    part.packets += packets;
    position.packets += packets;
  }

  private lookUpOrigin(origin: PacketOrigin): Promise<number> {
    return this.availability.persist(() => this.origins.lookUp(this.pool, origin));
  }

  /** Stores what there is now, when it is enough or old enough; else later. */
  private schedule(): void {
    if (this.busy || this.filling.empty) return;
    const age = performance.now() - this.filling.startedAt;
    if (this.filling.packets >= UNIT_PACKETS || !this.hasRoom || age >= UNIT_AGE_MS) {
      this.storeNext();
    } else {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.storeNext();
      }, UNIT_AGE_MS - age);
    }
  }

  private storeNext(): void {
    if (this.busy || this.broken !== null) return;
    if (this.filling.empty) {
      this.wake();
      return;
    }
    clearTimeout(this.timer);
    this.timer = undefined;
    const unit = this.filling;
    this.filling = this.storing;
    this.storing = unit;
    this.busy = true;
    const { bytes } = unit;
    this.metrics.bufferedBytes.inc(bytes);
    this.storeUnit(unit)
      .catch((error: unknown) => {
        if (error instanceof Superseded) {
          this.metrics.superseded.inc({ topic: this.topic });
          this.log.warn({ partition: error.partition }, `${error.message}; reading its position again`);
          this.filling.reset();
          this.events.superseded();
        } else {
          this.broken = error;
          this.events.broken(error);
        }
      })
      .finally(() => {
        unit.reset();
        this.busy = false;
        this.metrics.bufferedBytes.dec(bytes);
        this.wake();
        this.schedule();
      });
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async storeUnit(unit: PacketUnit): Promise<void> {
    // With `--store alerts` there is often nothing to pack.
    const unitNumber = unit.hasRows ? await this.availability.persist(() => nextUnit(this.pool)) : 0;
    unit.pack(unitNumber, this.packing);
    const end = this.metrics.transactionSeconds.startTimer();
    let refused: readonly RefusedRow[] = [];
    try {
      await this.availability.persist((failures) => this.attempt(unit, failures, storeUnit));
    } catch (error) {
      if (classifyPostgresError(error) !== 'refused' || error instanceof Superseded) throw error;
      refused = await this.availability.persist((failures) =>
        this.attempt(unit, failures, (client) =>
          storeUnitWithoutRefused(client, unit, (rows) => this.deadLetter(this.refusedLetters(unit, rows))),
        ),
      );
    }
    end();
    for (const { sqlState } of refused) this.metrics.refusedRows.inc({ sqlstate: sqlState });
    if (refused.length > 0) {
      this.log.warn(
        { rows: refused.length, sqlstate: refused[0]!.sqlState },
        `Postgres refused ${refused.length} rows (${refused[0]!.message}); they are on packets-dead-letter`,
      );
    }
    this.metrics.records.inc({ topic: this.topic }, unit.records.length);
    this.metrics.packets.inc(unit.packets);
    this.metrics.rows.inc(unit.rows.packets - refused.length);
    this.events.stored(new Map([...unit.partitions].map(([partition, part]) => [partition, part.nextOffset])));
  }

  /** One try. After a failure the table says first whether the try before was committed after all. */
  private async attempt<T>(
    unit: PacketUnit,
    failures: number,
    work: (client: pg.ClientBase, unit: PacketUnit) => Promise<T>,
  ): Promise<T | []> {
    await this.keeper.ensure(unit.rollup.minutes());
    const client = await this.pool.connect();
    let failure: Error | undefined;
    try {
      if (failures > 0 && (await this.committed(client, unit))) return [];
      return await work(client, unit);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      // A connection that failed without an answer from Postgres is not used again.
      const gone =
        failure !== undefined && !(failure instanceof Superseded) && classifyPostgresError(failure) === 'away';
      client.release(gone);
    }
  }

  private async committed(client: pg.ClientBase, unit: PacketUnit): Promise<boolean> {
    const parts = [...unit.partitions.values()];
    const stored = await storedOffsets(
      client,
      parts.map(({ position }) => position),
    );
    return parts.every(({ position, nextOffset }) => stored.get(position.partition) === nextOffset);
  }

  private refusedLetters(unit: PacketUnit, refused: readonly RefusedRow[]): DeadLetter[] {
    return refused.map((row) => {
      const { record, index } = unit.locate(row.tag);
      return refusedLetter(this.topic, record, index, row);
    });
  }

  /** Resolves when everything taken is stored, or thrown away because the sink stops. */
  async settled(): Promise<void> {
    while (this.busy || !this.filling.empty) await this.progress();
  }
}
