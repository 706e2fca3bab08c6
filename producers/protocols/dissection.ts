/**
 * The state of decoding one frame, and what all protocol decoders share. Every decoder is a function
 * `(dissection, offset, end) → failure`: it reads the header at `offset` of the dissection's buffer (never at or beyond
 * `end`, the end of what was captured of its layer), fills columns of the dissection's row and returns 0 or a code of
 * `DECODE_FAILURES`. What was read before a failure stays in the row. No decoder throws, whatever the bytes.
 */
import { ObservationBudget } from '../../schemas/observations/observation-budget.js';
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { NO_EXTRA, PacketBlock, type RareParts } from '../../schemas/packets/packet-block.js';
import { UnfinishedHellos } from './unfinished-hello.js';

const NOTHING = new Uint8Array(0);

/** Tunnels in tunnels beyond this are not followed. */
export const TUNNEL_DEPTH_MAX = 4;

export interface DecodeOptions {
  /**
   * Which packet of a tunnelled one the columns show: `outer` (the default) the one that the wire carries, `inner` the
   * innermost one. The other end of the nest is described in `extra.tunnel`.
   */
  readonly tunnels?: 'outer' | 'inner';
  /** Whether to look into DNS, TLS, HTTP and DHCP; true by default. */
  readonly application?: boolean;
  /** Whether to add to the block's observations; false by default. */
  readonly observe?: boolean;
  /** EtherTypes of VLAN tags beside the usual ones. */
  readonly vlanTpids?: readonly number[];
}

/** The last argument is the number by which the decoder was found: few look at it. */
export type Decoder = (dissection: Dissection, offset: number, end: number, type: number) => number;

export interface EtherTypeTable {
  /** By type, which decoder: one look in 64 KiB of which a few lines are in use. */
  readonly indexes: Uint8Array;
  readonly decoders: readonly Decoder[];
}

/** Who reads what, found by number: protocols name no others that they carry. */
export interface ProtocolTable {
  readonly etherTypes: EtherTypeTable;
  /** By IP protocol, 256 each. */
  readonly inIpv4: readonly Decoder[];
  readonly inIpv6: readonly Decoder[];
}

/** The EtherType that VLAN tags of every kind are decoded as. */
export const ETHERTYPE_VLAN = 0x8100;

function withTags({ indexes, decoders }: EtherTypeTable, tagTypes: readonly number[]): EtherTypeTable {
  const own = Uint8Array.from(indexes);
  for (const type of tagTypes) own[type] = own[ETHERTYPE_VLAN]!;
  return { indexes: own, decoders };
}

/** Reused for every frame of a thread: decoding allocates nothing but the rare extras. */
export class Dissection {
  readonly showInner: boolean;
  readonly application: boolean;
  readonly observes: boolean;
  readonly observationBudget = new ObservationBudget();
  /** What follows a type field, an IPv4 header and an IPv6 header. */
  readonly etherTypes: EtherTypeTable;
  readonly inIpv4: readonly Decoder[];
  readonly inIpv6: readonly Decoder[];
  /** Where the layer being decoded goes: within a tunnel a row of `nested`. */
  block: PacketBlock;
  row = 0;
  /** The bytes of the frame, and of others before and behind it. */
  buffer: Uint8Array = NOTHING;
  /**
   * Where the layer being decoded ends on the wire: the end of the frame, moved in by every length field passed. It
   * lies beyond `end` when the capture was cut by its snap length.
   */
  wireEnd = 0;
  tunnelDepth = 0;
  /** Headers below the network layer passed so far. */
  linkHeaders = 0;
  /** Of a frame of `any`: the kernel's number of the interface that it passed, or, in v1, which knows none, its direction. */
  cookedInterface = 0;
  /**
   * What the packet in the columns carries above TCP or UDP: bytes `payloadStart … payloadEnd - 1` of `payloadBuffer` were
   * captured; on the wire it was `payloadLength` bytes. All 0 when there is none. Of the segment that ends a TLS ClientHello
   * the bytes are those of the whole hello, put together in a buffer that is used again for the next frame.
   */
  payloadBuffer: Uint8Array = NOTHING;
  payloadStart = 0;
  payloadEnd = 0;
  payloadLength = 0;
  /** Where the ICMP or ICMPv6 message of the packet in the columns lies, as for payloads; `icmpStart` is 0 when there is none. */
  icmpBuffer: Uint8Array = NOTHING;
  icmpStart = 0;
  icmpEnd = 0;
  /** Bytes of the message on the wire. */
  icmpWireLength = 0;
  /** A row for each packet in tunnels, by depth. */
  readonly nested = new PacketBlock(TUNNEL_DEPTH_MAX);
  readonly unfinishedHellos = new UnfinishedHellos();
  private viewed: Uint8Array = NOTHING;
  private view: DataView = new DataView(NOTHING.buffer);

  constructor(options: DecodeOptions, protocols: ProtocolTable) {
    this.showInner = options.tunnels === 'inner';
    this.application = options.application ?? true;
    this.observes = options.observe ?? false;
    this.etherTypes = withTags(protocols.etherTypes, options.vlanTpids ?? []);
    this.inIpv4 = protocols.inIpv4;
    this.inIpv6 = protocols.inIpv6;
    this.block = this.nested;
  }

  /** A view of the buffer, to read several bytes at once; the same as long as frames come from the same buffer. */
  viewOf(buffer: Uint8Array): DataView {
    if (buffer !== this.viewed) {
      this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      this.viewed = buffer;
    }
    return this.view;
  }
}

/** Notes the payload of a transport header for whoever looks into conversations, unless the row shows another packet. */
export function notePayload(dissection: Dissection, buffer: Uint8Array, payload: number, end: number): void {
  if (dissection.tunnelDepth !== 0 && !dissection.showInner) return;
  dissection.payloadBuffer = buffer;
  dissection.payloadStart = Math.min(payload, end);
  dissection.payloadEnd = end;
  dissection.payloadLength = dissection.wireEnd - payload;
}

/** Notes an ICMP message in the same way. */
export function noteIcmp(dissection: Dissection, buffer: Uint8Array, offset: number, end: number): void {
  if (dissection.tunnelDepth !== 0 && !dissection.showInner) return;
  dissection.icmpBuffer = buffer;
  dissection.icmpStart = offset;
  dissection.icmpEnd = end;
  dissection.icmpWireLength = dissection.wireEnd - offset;
}

const FRAME_TRUNCATED = decodeFailureCode('frame_truncated');

/**
 * The failure of a header that does not end at or before `end`: `code` when it does not fit into its layer on the wire
 * either, `frame_truncated` when only the snap length cut it off.
 */
export function truncated(dissection: Dissection, headerEnd: number, code: number): number {
  return headerEnd > dissection.wireEnd ? code : FRAME_TRUNCATED;
}

/** Adds a part to what a row carries as objects. */
export function addRarePart(block: PacketBlock, row: number, part: Partial<RareParts>): void {
  const index = block.extra[row]!;
  if (index === NO_EXTRA) {
    const { arp = null, neighborDiscovery = null, tunnel = null } = part;
    block.setRareParts(row, { arp, neighborDiscovery, tunnel });
  } else block.extras[index] = { ...block.extras[index]!, ...part };
}
