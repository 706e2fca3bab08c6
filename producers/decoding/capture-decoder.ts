/** A whole capture to blocks of packets: what `nta decode`, `nta analyze` and tests read files with. */
import type { Readable } from 'node:stream';
import { PacketBlock, type PacketOrigin } from '../../schemas/packets/packet-block.js';
import type { CaptureFailure } from '../capture-file/failure.js';
import type { CaptureInterface, InterfaceStatistics } from '../capture-file/frame-handler.js';
import type { CaptureParser } from '../capture-file/parser.js';
import { type CaptureConsumer, readCapture } from '../capture-file/reader.js';
import type { ConversationTracker } from '../conversations/conversation-tracker.js';
import { CopyFilter, copyWindow } from './copies.js';
import { type DecodeOptions, Dissection, decodeFrame } from './decoder.js';
import { PAYLOADS_MAX, Payloads } from './payloads.js';

export interface DecodeCaptureOptions extends DecodeOptions {
  /** Rows a block; 8,192 by default. */
  readonly blockCapacity?: number;
  /** `captureNode`, `timeline` and, where the capture names no interface, `interface` of the packets' origin. */
  readonly captureNode?: string;
  readonly timeline?: string;
  readonly site?: string;
  /** As of the intake of a capture node; frames cannot be numbered then. Left out: keeps all. */
  readonly dedupeWindow?: number;
  /** The path by default. */
  readonly interface?: string;
  /** Tells the roles of the packets and keeps their conversations, which are not finished at the end; without it roles are unknown. */
  readonly conversations?: ConversationTracker;
  readonly signal?: AbortSignal;
  readonly standardInput?: Readable;
}

export interface DecodedCapture {
  readonly frames: number;
  /** Of these, copies that were left out. */
  readonly copies: number;
  /** Why the capture could not be read to its end; null when it could. */
  readonly failure: CaptureFailure | null;
  readonly interfaces: readonly CaptureInterface[];
  /** What the capture itself counted, the latest of each interface. */
  readonly statistics: readonly InterfaceStatistics[];
}

/**
 * @param onBlock gets the packets in the order of the file, at most `blockCapacity` at a time. The block is used again
 *   when the call returns or its promise settles. `firstFrame` is the number of the first row's frame, from 1.
 */
export type BlockConsumer = (block: PacketBlock, firstFrame: number) => void | Promise<void>;

/**
 * Decodes a capture (`-` is standard input) to its end or its first unreadable byte; what comes before that is handed
 * over in any case. Rejects only with what `onBlock` throws.
 */
export async function decodeCapture(
  path: string,
  options: DecodeCaptureOptions,
  onBlock: BlockConsumer,
): Promise<DecodedCapture> {
  const state: { consumer?: BlockFiller } = {};
  const failure = await readCapture(
    path,
    (parser) => {
      state.consumer = new BlockFiller(parser, path, options, onBlock);
      return state.consumer;
    },
    options,
  );
  const consumer = state.consumer!;
  await consumer.flush();
  return {
    frames: consumer.frames,
    copies: consumer.copiesLeftOut,
    failure,
    interfaces: consumer.interfaces,
    statistics: [...consumer.statistics.values()],
  };
}

const BLOCK_CAPACITY_DEFAULT = 8192;
const NOT_IN_BLOCK = -1;
/** Roles are told of so many rows at once, whose columns are in the processor's first cache still. */
const ROWS_CLASSIFIED = PAYLOADS_MAX;

class BlockFiller implements CaptureConsumer {
  frames = 0;
  readonly interfaces: CaptureInterface[] = [];
  readonly statistics = new Map<number, InterfaceStatistics>();
  private readonly origins: PacketOrigin[] = [];
  /** The index that each interface's origin has in the block. */
  private readonly originIndexes: number[] = [];
  private readonly block: PacketBlock;
  private readonly dissection: Dissection;
  private readonly payloads: Payloads | null;
  private readonly copies: CopyFilter | null;
  copiesLeftOut = 0;
  /** Rows whose roles are known. */
  private classified = 0;

  constructor(
    private readonly parser: Pick<CaptureParser, 'pause'>,
    private readonly path: string,
    private readonly options: DecodeCaptureOptions,
    private readonly onBlock: BlockConsumer,
  ) {
    this.block = new PacketBlock(options.blockCapacity ?? BLOCK_CAPACITY_DEFAULT);
    this.dissection = new Dissection(options);
    this.copies = options.dedupeWindow === undefined ? null : new CopyFilter();
    this.payloads = options.conversations === undefined ? null : new Payloads();
  }

  onInterface(captureInterface: CaptureInterface): void {
    this.interfaces.push(captureInterface);
    this.originIndexes.push(NOT_IN_BLOCK);
    this.origins.push({
      captureNode: this.options.captureNode ?? '',
      interface: captureInterface.name ?? this.options.interface ?? this.path,
      linkType: captureInterface.linkType,
      timeline: this.options.timeline ?? '',
      sampling: 'none',
      samplingRate: 1,
      site: this.options.site ?? '',
    });
  }

  onStatistics(statistics: InterfaceStatistics): void {
    this.statistics.set(statistics.interfaceIndex, statistics);
  }

  onFrame(
    buffer: Uint8Array,
    offset: number,
    capturedLength: number,
    frameLength: number,
    timestamp: number,
    interfaceIndex: number,
  ): void {
    const block = this.block;
    let origin = this.originIndexes[interfaceIndex]!;
    if (origin === NOT_IN_BLOCK) {
      origin = block.originIndex(this.origins[interfaceIndex]!);
      this.originIndexes[interfaceIndex] = origin;
    }
    const linkType = this.interfaces[interfaceIndex]!.linkType;
    const { dissection, payloads } = this;
    const { ipv6Count, applicationsLength } = block;
    const extras = block.extras.length;
    const row = decodeFrame(
      block,
      linkType,
      buffer,
      offset,
      capturedLength,
      frameLength,
      timestamp,
      origin,
      dissection,
    );
    const window = this.copies === null ? 0 : copyWindow(this.options.dedupeWindow!, this.origins[interfaceIndex]!);
    if (window > 0 && this.copies!.isCopy(block, row, dissection, window)) {
      this.copiesLeftOut++;
      this.frames++;
      block.truncate(row, ipv6Count, extras, applicationsLength);
      return;
    }
    if (payloads !== null) payloads.keep(row - this.classified, block, row, dissection, buffer);
    this.frames++;
    if (block.count - this.classified === ROWS_CLASSIFIED) this.classify();
    if (block.count === block.capacity) this.parser.pause();
  }

  onFramesRead(): void {
    this.payloads?.secure();
  }

  onPause(): void | Promise<void> {
    return this.flush();
  }

  private classify(): void {
    this.options.conversations?.classify(this.block, this.classified, this.block.count, this.payloads);
    this.classified = this.block.count;
  }

  /** Hands over what is there; a promise only when the consumer gives one. */
  flush(): void | Promise<void> {
    if (this.block.count === 0) return;
    this.classify();
    const handed = this.onBlock(this.block, this.frames - this.block.count + 1);
    if (handed instanceof Promise) return handed.then(() => this.restart());
    this.restart();
  }

  private restart(): void {
    this.block.reset();
    this.classified = 0;
    this.originIndexes.fill(NOT_IN_BLOCK);
  }
}
