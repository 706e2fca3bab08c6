/**
 * Takes records and stores them, a unit after the other: while one is stored, the next is filled. Knows nothing of how
 * records come.
 */
import type pg from 'pg';
import type { FetchedRecords } from '../../runtime/kafka/fetched-records.js';
import { formatSource } from '../../schemas/address.js';
import { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { type DecodedPacketBatch, decodePacketBatch, MAX_BATCH_ROWS } from '../../schemas/packets/packet-batch.js';
import type { StorePolicy } from '../options.js';
import type { PartitionKeeper } from '../retention/partition-keeper.js';
import { type DeadLetter, poisonLetter, refusedConversationLetter, refusedLetter } from '../stream/dead-letters.js';
import { classifyPostgresError } from '../stream/postgres-errors.js';
import type { SinkContext } from '../stream/sink-context.js';
import { Superseded, storedOffsets, type TopicPosition } from '../stream/topic-position.js';
import type { AlertedSources } from './alerted-sources.js';
import { OriginDictionary } from './origin-dictionary.js';
import {
  nextUnit,
  type RefusedConversation,
  type RefusedRow,
  storeUnit,
  storeUnitWithoutRefused,
} from './packet-store.js';
import { PacketUnit } from './packet-unit.js';

/**
 * A unit is stored once the one before it is done and it has this many packets or is this old. The more packets, the more of
 * a source stand in one segment; the older, the later they are seen.
 */
const UNIT_PACKETS = 1 << 17;
const UNIT_AGE_MS = 500;

/** What has to be done before a record can be taken. */
export interface Obstacle {
  /** Resolves once that is done. */
  readonly gone: Promise<unknown>;
  /** Whether the record is done with as well. */
  readonly passOver: boolean;
}

/** Where packets are stored, which of them, and where those go that Postgres refuses. */
export interface PacketStorage {
  readonly topic: string;
  readonly policy: StorePolicy;
  readonly alerted: AlertedSources;
  readonly keeper: PartitionKeeper;
  deadLetter(letters: readonly DeadLetter[]): Promise<void>;
}

/** What the reader of the topic has to hear of. */
export interface PacketWriterEvents {
  /** Offsets that are stored now, by partition. */
  stored(offsets: ReadonlyMap<number, number>): void;
  /** Positions in memory are worthless: read them again, and the records from there. */
  superseded(): void;
  /** Storing has ended for good. */
  broken(error: unknown): void;
}

interface Refused {
  readonly rows: readonly RefusedRow[];
  readonly conversations: readonly RefusedConversation[];
}
const NOTHING_REFUSED: Refused = { rows: [], conversations: [] };

export class PacketWriter {
  private filling = new PacketUnit();
  private storing = new PacketUnit();
  private readonly origins = new OriginDictionary();
  /** What the record at hand tells of conversations. */
  private readonly told = {
    conversations: new ConversationBlock(MAX_BATCH_ROWS),
    received: new ReceivedBlock(MAX_BATCH_ROWS),
  };
  private busy = false;
  private readonly waiting: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  private broken: unknown = null;

  constructor(
    private readonly context: SinkContext,
    private readonly storage: PacketStorage,
    private readonly events: PacketWriterEvents,
  ) {}

  /** Whether the unit that is being filled takes another record. */
  get hasRoom(): boolean {
    return this.filling.hasRoom;
  }

  /** Resolves when a unit has been stored or thrown away; throws when storing has broken for good. */
  async progress(): Promise<void> {
    if (this.broken !== null) throw this.broken;
    if (!this.busy) this.storeNext();
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.broken !== null) throw this.broken;
  }

  /**
   * Takes the record at hand, whose position is that of the partition; it is advanced. The caller has seen `hasRoom`.
   *
   * @returns null, or what is in the way of the record: it is to be waited for, and the record then to be taken again or, as
   * it says, passed over.
   */
  take(position: TopicPosition, record: FetchedRecords): Obstacle | null {
    const unit = this.filling;
    const { block } = unit;
    const { count, ipv6Count, applicationsLength } = block;
    const extras = block.extras.length;
    const { bytes, valueStart, valueLength } = record;
    if (valueLength < 0) return this.poison(position, record, 'not_avro', 'the record has no value');
    const { conversations } = this.told;
    conversations.reset();
    this.told.received.reset();
    const batch = decodePacketBatch(bytes, block, valueStart, valueStart + valueLength, this.told);
    if (!batch.ok) return this.poison(position, record, batch.reason, batch.detail);
    let stored = 0;
    if (batch.packets > 0 || conversations.count > 0) {
      const originId = this.origins.known(batch.origin);
      if (originId === undefined) {
        block.truncate(count, ipv6Count, extras, applicationsLength);
        const { origin } = batch;
        return {
          gone: this.context.availability.persist(() => this.origins.lookUp(this.context.pool, origin)),
          passOver: false,
        };
      }
      if (batch.packets > 0) stored = this.append(unit, position, record.offset, batch, originId);
      for (let row = 0; row < conversations.count; row++) {
        unit.conversations.take(conversations, row, originId, position.partition, record.offset);
      }
    }
    if (stored === 0) block.truncate(count, ipv6Count, extras, applicationsLength);
    this.advance(position, record.offset);
    return null;
  }

  /** Goes on behind a record that cannot be read. */
  passOver(position: TopicPosition, offset: number): void {
    this.advance(position, offset);
  }

  private poison(position: TopicPosition, record: FetchedRecords, reason: string, detail: string): Obstacle {
    this.context.metrics.poisonRecords.inc({ reason });
    return {
      gone: this.storage.deadLetter([poisonLetter(this.storage.topic, position.partition, record, reason, detail)]),
      passOver: true,
    };
  }

  private append(
    unit: PacketUnit,
    position: TopicPosition,
    offset: number,
    batch: DecodedPacketBatch,
    originId: number,
  ): number {
    const { every } = this.storage.policy;
    const { alerted } = this.storage;
    const asksEach = every === 0 && alerted.size > 0;
    const everyOf = asksEach ? (row: number) => (alerted.has(formatSource(unit.block, row)) ? 1 : 0) : () => every;
    const stored = unit.add(position, offset, batch, originId, everyOf);
    const part = unit.partition(position);
    part.storedRows += stored;
    part.packets += batch.packets;
    position.packets += batch.packets;
    return stored;
  }

  private advance(position: TopicPosition, offset: number): void {
    const unit = this.filling;
    unit.partition(position).nextOffset = offset + 1;
    position.nextOffset = offset + 1;
    if (!this.busy) this.schedule();
  }

  /** Stores what there is now, when it is enough; else once it is old enough. */
  private schedule(): void {
    if (this.busy || this.filling.empty) return;
    if (this.filling.packets >= UNIT_PACKETS || !this.hasRoom) {
      this.storeNext();
    } else if (this.timer === undefined) {
      const age = performance.now() - this.filling.startedAt;
      this.timer = setTimeout(() => this.storeNext(), Math.max(0, UNIT_AGE_MS - age));
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
    this.storeUnit(unit)
      .catch((error: unknown) => {
        if (error instanceof Superseded) {
          this.context.metrics.superseded.inc({ topic: this.storage.topic });
          this.context.log.warn({ partition: error.partition }, `${error.message}; reading its position again`);
          this.filling.reset();
          this.events.superseded();
        } else {
          this.broken = error;
          this.events.broken(error);
        }
      })
      .finally(() => {
        this.context.metrics.bufferedBytes.dec(unit.rows.copy.length);
        unit.reset();
        this.busy = false;
        this.wake();
        this.schedule();
      });
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async storeUnit(unit: PacketUnit): Promise<void> {
    // With `--store alerts` there is often nothing to pack.
    const unitNumber = unit.hasRows ? await this.context.availability.persist(() => nextUnit(this.context.pool)) : 0;
    unit.pack(unitNumber);
    this.context.metrics.bufferedBytes.inc(unit.rows.copy.length);
    const end = this.context.metrics.transactionSeconds.startTimer();
    let refused: Refused = NOTHING_REFUSED;
    try {
      await this.context.availability.persist((failures) => this.attempt(unit, failures, storeUnit));
    } catch (error) {
      if (classifyPostgresError(error) !== 'refused' || error instanceof Superseded) throw error;
      refused = await this.context.availability.persist((failures) =>
        this.attempt(unit, failures, (client) =>
          storeUnitWithoutRefused(client, unit, (rows, conversations) =>
            this.storage.deadLetter(this.refusedLetters(unit, { rows, conversations })),
          ),
        ),
      );
    }
    end();
    this.countRefused(refused);
    this.context.metrics.records.inc({ topic: this.storage.topic }, unit.records);
    this.context.metrics.packets.inc(unit.packets);
    this.context.metrics.rows.inc(unit.rows.packets - refused.rows.length);
    this.context.metrics.conversations.inc(unit.conversations.size - refused.conversations.length);
    this.events.stored(new Map([...unit.partitions].map(([partition, part]) => [partition, part.nextOffset])));
  }

  private countRefused({ rows, conversations }: Refused): void {
    const all = [...rows, ...conversations];
    for (const { sqlState } of all) this.context.metrics.refusedRows.inc({ sqlstate: sqlState });
    if (all.length === 0) return;
    this.context.log.warn(
      { rows: all.length, sqlstate: all[0]!.sqlState },
      `Postgres refused ${all.length} rows (${all[0]!.message}); they are on packets-dead-letter`,
    );
  }

  /** One try. After a failure the table says first whether the try before was committed after all. */
  private async attempt<T>(
    unit: PacketUnit,
    failures: number,
    work: (client: pg.ClientBase, unit: PacketUnit) => Promise<T>,
  ): Promise<T | typeof NOTHING_REFUSED> {
    await this.storage.keeper.ensure(unit.rollup.minutes(), unit.conversations.minutes());
    const client = await this.context.pool.connect();
    let failure: Error | undefined;
    try {
      if (failures > 0 && (await this.committed(client, unit))) return NOTHING_REFUSED;
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

  private refusedLetters(unit: PacketUnit, { rows, conversations }: Refused): DeadLetter[] {
    const known = new Map(unit.conversations.conversations().map((conversation) => [conversation.row, conversation]));
    return [
      ...rows.map((row) => refusedLetter(this.storage.topic, unit.packetOf(row.blockRow), row)),
      ...conversations.map((refused) =>
        refusedConversationLetter(this.storage.topic, known.get(refused.row)!, refused),
      ),
    ];
  }

  /** Resolves when everything taken is stored, or thrown away because the sink stops. */
  async settled(): Promise<void> {
    while (this.busy || !this.filling.empty) await this.progress();
  }
}
