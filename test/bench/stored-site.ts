/**
 * A site as its sinks would have stored it: packets and their conversations by the sinks' own writers, without a topic. Hosts are
 * as busy as Zipf's law has it, sizes have a long tail; there are lookups, web, files, logins, scans and things that nobody answers,
 * seen by capture nodes of two sites.
 */
import type pg from 'pg';
import { createLog } from '../../runtime/process/log.js';
import {
  type ConnectionState,
  type ConversationNames,
  EVENT_ENDED,
  EVENT_UPDATED,
} from '../../schemas/conversations/conversation.js';
import { ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import {
  ADDRESS_IPV4,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
  type PacketOrigin,
  ROLE_OPENING,
  ROLE_ORIGINATOR,
  ROLE_RESPONDER,
} from '../../schemas/packets/packet-block.js';
import { OriginDictionary } from '../../sinks/packets/origin-dictionary.js';
import { nextUnit, storeUnit } from '../../sinks/packets/packet-store.js';
import { PacketUnit } from '../../sinks/packets/packet-unit.js';
import { PartitionKeeper } from '../../sinks/retention/partition-keeper.js';
import { readPosition, type TopicPosition } from '../../sinks/stream/topic-position.js';
import { addConversation, type TestConversation } from '../support/conversation-blocks.js';
import { Random } from '../support/random.js';

export interface StoredSite {
  readonly packets: number;
  readonly conversations: number;
}

export interface SiteOptions {
  readonly packets: number;
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly seed?: number;
}

const CLIENTS = 3_000;
const SERVERS = 20_000;
/** Packets of a transaction: as many as a sink stores at once when it is busy. */
const UNIT_PACKETS = 1 << 17;
const OTHER_OCTETS = 0x0a000000;
const SERVER_NETWORK = 0xc6120000;
/** 10.0.12.34 began a scan of a network, as hosts do that have been taken over. */
const SCANNER = 0x0a000c22;
const [RESOLVER, TIME_SERVER, FILE_SERVER, LOGIN_SERVER] = [0x0a000035, 0x0a00007b, 0x0a000010, 0x0a000011];

const originOf = (captureNode: string, site: string): PacketOrigin => ({
  captureNode,
  interface: 'eth0',
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
  site,
});
const ORIGINS = [originOf('edge-1', 'hq'), originOf('edge-2', 'hq'), originOf('branch-1', 'branch-7')];

/** What a conversation is like. */
interface Kind {
  /** Of a thousand. */
  readonly share: number;
  readonly protocol: 6 | 17;
  readonly port: number;
  readonly service: string;
  readonly state: ConnectionState;
  readonly outcome: number;
  readonly history: string;
  /** Fewest packets, of which there may be many more where `tail` is set. */
  readonly least: number;
  readonly tail?: true;
  readonly responder: (random: Random) => number;
  readonly names?: (responder: number, random: Random) => ConversationNames;
}

const nameOf = (server: number): string => `www.site-${server - SERVER_NETWORK}.example`;
const anyServer = (random: Random): number => SERVER_NETWORK + random.zipf(SERVERS);
const JA4 = [
  't13d1516h2_8daaf6152771_02713d6af862',
  't13d1715h2_5b57614c22b0_93c746dc12af',
  't12d1209h2_d34a8e72043a_b39be8c56a14',
];

const KINDS: readonly Kind[] = [
  {
    share: 330,
    protocol: 17,
    port: 53,
    service: 'dns',
    state: 'SF',
    outcome: 2,
    history: 'Dd',
    least: 2,
    responder: () => RESOLVER,
    names: (_, random) => ({
      dnsQuestion: nameOf(anyServer(random)),
      dnsType: 'A',
      dnsResponseCode: 'NOERROR',
      dnsAnswers: 1,
    }),
  },
  {
    share: 320,
    protocol: 6,
    port: 443,
    service: 'ssl',
    state: 'SF',
    outcome: 2,
    history: 'ShADadFf',
    least: 24,
    tail: true,
    responder: anyServer,
    names: (responder, random) => ({ serverName: nameOf(responder), alpn: 'h2', ja4: random.pick(JA4) }),
  },
  {
    share: 70,
    protocol: 17,
    port: 443,
    service: 'quic',
    state: 'SF',
    outcome: 2,
    history: 'Dd',
    least: 24,
    tail: true,
    responder: anyServer,
    names: (responder) => ({ serverName: nameOf(responder), alpn: 'h3' }),
  },
  {
    share: 60,
    protocol: 6,
    port: 80,
    service: 'http',
    state: 'SF',
    outcome: 2,
    history: 'ShADadFf',
    least: 10,
    tail: true,
    responder: anyServer,
    names: (responder) => ({
      httpHost: nameOf(responder),
      httpMethod: 'GET',
      httpStatus: 200,
      httpUserAgent: 'curl/8.5.0',
    }),
  },
  {
    share: 25,
    protocol: 6,
    port: 445,
    service: 'smb',
    state: 'S1',
    outcome: 2,
    history: 'ShADad',
    least: 60,
    tail: true,
    responder: () => FILE_SERVER,
  },
  {
    share: 15,
    protocol: 6,
    port: 88,
    service: 'krb_tcp',
    state: 'SF',
    outcome: 2,
    history: 'ShADadFf',
    least: 10,
    responder: () => LOGIN_SERVER,
    names: (_, random) => ({ user: `user${random.zipf(400)}` }),
  },
  {
    share: 5,
    protocol: 6,
    port: 22,
    service: 'ssh',
    state: 'RSTO',
    outcome: 2,
    history: 'ShADadR',
    least: 40,
    tail: true,
    responder: (random) => OTHER_OCTETS + 0x100 + random.zipf(200),
    names: () => ({ sshClient: 'OpenSSH_9.6', sshServer: 'OpenSSH_9.2', hassh: 'ec7378c1a92f5a8dde7e8b7a1ddf33d1' }),
  },
  {
    share: 50,
    protocol: 17,
    port: 123,
    service: 'ntp',
    state: 'SF',
    outcome: 2,
    history: 'Dd',
    least: 2,
    responder: () => TIME_SERVER,
  },
  {
    share: 60,
    protocol: 6,
    port: 0,
    service: '',
    state: 'S0',
    outcome: 1,
    history: 'S',
    least: 1,
    responder: (random) => OTHER_OCTETS + 0x100 + random.below(CLIENTS),
  },
  {
    share: 45,
    protocol: 6,
    port: 8443,
    service: '',
    state: 'REJ',
    outcome: 3,
    history: 'Sr',
    least: 2,
    responder: anyServer,
  },
  {
    share: 20,
    protocol: 6,
    port: 9100,
    service: '',
    state: 'OTH',
    outcome: 0,
    history: 'DadA',
    least: 12,
    responder: (random) => OTHER_OCTETS + 0x100 + random.zipf(40),
  },
];
const KIND_OF = KINDS.flatMap((kind) => new Array<Kind>(kind.share).fill(kind));

/** Stores what the options say, a transaction after the other. The tables are there, and empty. */
export async function storeSite(pool: pg.Pool, options: SiteOptions, say: (line: string) => void): Promise<StoredSite> {
  const keeper = new PartitionKeeper(pool, 'day', createLog({ level: 'silent', file: '', part: 'bench' }));
  const dictionary = new OriginDictionary();
  const originIds: number[] = [];
  for (const origin of ORIGINS) originIds.push(await dictionary.lookUp(pool, origin));
  const position = await readPosition(pool, 'stored-site', 0, 'stored-site');
  const unit = new PacketUnit();
  const site = new Site(options.seed ?? 1);
  const units = Math.max(1, Math.round(options.packets / UNIT_PACKETS));
  const span = ((options.to - options.from) * 1000) / units;
  const client = await pool.connect();
  let packets = 0;
  let conversations = 0;
  try {
    for (let number = 0; number < units; number++) {
      const wanted = Math.round(options.packets / units);
      const start = options.from * 1000 + number * span;
      const rows = site.make(wanted, start, start + span, number === units - 1);
      fill(unit, site, rows, originIds, position);
      unit.pack(await nextUnit(pool));
      await keeper.ensure(unit.rollup.minutes(), unit.conversations.minutes());
      await storeUnit(client, unit);
      position.nextOffset++;
      packets += unit.packets;
      conversations += unit.conversations.size;
      unit.reset();
      if (number % 20 === 19)
        say(`${packets.toLocaleString('en-US')} packets, ${conversations.toLocaleString('en-US')} conversations`);
    }
  } finally {
    client.release();
  }
  return { packets, conversations };
}

/** Puts a unit together from the packets of each source. */
function fill(unit: PacketUnit, site: Site, rows: number, originIds: readonly number[], position: TopicPosition): void {
  const { block } = unit;
  const order = site.bySource(rows);
  for (let at = 0; at < rows; ) {
    const first = order[at]! % ROWS_MAX;
    const [source, origin] = [site.source[first]!, site.origin[first]!];
    const firstRow = block.count;
    for (; at < rows; at++) {
      const packet = order[at]! % ROWS_MAX;
      if (site.source[packet] !== source || site.origin[packet] !== origin) break;
      site.write(block, packet);
    }
    const batch = {
      ok: true,
      origin: ORIGINS[origin]!,
      firstRow,
      packets: block.count - firstRow,
      hosts: 1,
    } as Parameters<PacketUnit['add']>[2];
    const stored = unit.add(position, position.nextOffset, batch, originIds[origin]!, () => 1);
    const part = unit.partition(position);
    part.storedRows += stored;
    part.packets += stored;
  }
  unit.partition(position).nextOffset = position.nextOffset + 1;
  for (let row = 0; row < site.conversations.count; row++) {
    const origin = site.conversations.origins[site.conversations.origin[row]!]!;
    unit.conversations.take(site.conversations, row, originIds[ORIGINS.indexOf(origin)]!, 0, position.nextOffset);
  }
}

const ROWS_MAX = 1 << 18;

/** What is made for a unit: conversations, and their packets as columns in the order in which they were made. */
class Site {
  readonly conversations = new ConversationBlock(1 << 16);
  readonly source = new Uint32Array(ROWS_MAX);
  readonly origin = new Uint8Array(ROWS_MAX);
  private readonly destination = new Uint32Array(ROWS_MAX);
  private readonly time = new Float64Array(ROWS_MAX);
  private readonly ports = new Uint32Array(ROWS_MAX);
  private readonly lengths = new Uint16Array(ROWS_MAX);
  private readonly flags = new Uint8Array(ROWS_MAX);
  private readonly roles = new Uint8Array(ROWS_MAX);
  private readonly protocols = new Uint8Array(ROWS_MAX);
  private readonly random: Random;
  private rows = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** @returns how many packets */
  make(wanted: number, from: number, to: number, isLast: boolean): number {
    this.rows = 0;
    this.conversations.reset();
    const begun: TestConversation[] = [];
    while (this.rows < wanted && begun.length < this.conversations.capacity) {
      begun.push(this.begin(from, to, wanted, isLast));
    }
    // As they are told of: when they end.
    begun.sort((a, b) => a.last! - b.last!);
    for (const conversation of begun) addConversation(this.conversations, conversation);
    return this.rows;
  }

  private begin(from: number, to: number, wanted: number, isLast: boolean): TestConversation {
    const { random } = this;
    const kind = KIND_OF[random.below(KIND_OF.length)]!;
    const client = OTHER_OCTETS + 0x100 + random.zipf(CLIENTS);
    const isScan = kind.state === 'S0';
    const originator = isScan && random.below(4) > 0 ? SCANNER : client;
    const tail = kind.tail
      ? Math.min(20_000, Math.floor(kind.least / Math.max(1e-5, random.unit()) ** 0.68))
      : kind.least;
    const count = Math.max(1, Math.min(tail, wanted - this.rows));
    const start = Math.floor(from + random.unit() * (to - from));
    const length = Math.min(to - start - 1, count * random.exponential(kind.tail ? 60_000 : 9_000));
    const responder = kind.responder(random);
    const ports = [random.between(32_768, 60_999), kind.port || 1 + random.below(1024)] as const;
    const origin = originator === SCANNER ? 0 : client % 10 === 0 ? 2 : client % 2;
    const [packets, bytes] = [[0, 0] as [number, number], [0, 0] as [number, number]];
    for (let packet = 0; packet < count; packet++) {
      const back = count === 1 ? 0 : packet % 3 === 0 ? 0 : 1;
      const size =
        kind.tail && back === 1 ? (random.below(10) < 7 ? 1_514 : 60 + random.below(1_400)) : 60 + random.below(120);
      packets[back]! += 1;
      bytes[back]! += size;
      this.add(
        kind,
        start + Math.floor((length * packet) / count),
        originator,
        responder,
        ports,
        back,
        size,
        packet,
        origin,
      );
    }
    const isOpen = isLast && kind.tail && random.below(20) === 0;
    return {
      start,
      last: start + Math.floor((length * (count - 1)) / count),
      originator: textOf(originator),
      responder: textOf(responder),
      originatorPort: ports[0],
      responderPort: ports[1],
      ipProtocol: kind.protocol,
      packets,
      bytes,
      payload: [Math.max(0, bytes[0] - 54 * packets[0]), Math.max(0, bytes[1] - 54 * packets[1])],
      event: isOpen ? EVENT_UPDATED : EVENT_ENDED,
      outcome: kind.outcome,
      state: kind.state,
      begun: kind.outcome !== 0,
      history: kind.history,
      service: kind.service,
      names: kind.names?.(responder, random) ?? null,
      origin: ORIGINS[origin]!,
    };
  }

  private add(
    kind: Kind,
    time: number,
    originator: number,
    responder: number,
    ports: readonly [number, number],
    back: 0 | 1,
    size: number,
    packet: number,
    origin: number,
  ): void {
    const row = this.rows++;
    this.time[row] = time;
    this.source[row] = back ? responder : originator;
    this.destination[row] = back ? originator : responder;
    this.ports[row] = back ? ports[1] * 65_536 + ports[0] : ports[0] * 65_536 + ports[1];
    this.lengths[row] = size;
    this.flags[row] = packet === 0 ? 2 : packet === 1 ? (kind.state === 'REJ' ? 20 : 18) : 16;
    this.roles[row] = back ? ROLE_RESPONDER : packet === 0 ? ROLE_OPENING : ROLE_ORIGINATOR;
    this.protocols[row] = kind.protocol;
    this.origin[row] = origin;
  }

  /** Numbers of packets modulo ROWS_MAX, the packets of each source and origin together and by time. */
  bySource(rows: number): Float64Array {
    // By time first: sorting is stable where numbers carry the place.
    const byTime = Float64Array.from({ length: rows }, (_, row) => Math.floor(this.time[row]!) * 1);
    const places = new Uint32Array(rows).map((_, row) => row).sort((a, b) => byTime[a]! - byTime[b]!);
    const rank = new Uint32Array(rows);
    for (let place = 0; place < rows; place++) rank[places[place]!] = place;
    const ids = new Map<number, number>();
    const keys = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      const party = this.source[row]! * 4 + this.origin[row]!;
      let id = ids.get(party);
      if (id === undefined) {
        id = ids.size;
        ids.set(party, id);
      }
      keys[row] = id * ROWS_MAX + rank[row]!;
    }
    keys.sort();
    for (let at = 0; at < rows; at++) keys[at] = places[keys[at]! % ROWS_MAX]!;
    return keys;
  }

  write(block: PacketBlock, packet: number): void {
    const row = block.addRow();
    block.origin[row] = block.originIndex(ORIGINS[this.origin[packet]!]!);
    block.timestamp[row] = this.time[packet]!;
    block.frameLength[row] = this.lengths[packet]!;
    block.capturedLength[row] = Math.min(256, this.lengths[packet]!);
    block.macs.fill(0, row * 12, row * 12 + 12);
    block.macs[row * 12] = block.macs[row * 12 + 6] = 2;
    block.macView.setUint32(row * 12 + 2, isOurs(this.source[packet]!) ? this.source[packet]! : 1);
    block.macView.setUint32(row * 12 + 8, isOurs(this.destination[packet]!) ? this.destination[packet]! : 1);
    block.etherType[row] = 0x0800;
    block.ttl[row] = isOurs(this.source[packet]!) ? 64 : 55;
    block.ipId[row] = this.random.below(65_536);
    block.sourceKind[row] = block.destinationKind[row] = ADDRESS_IPV4;
    block.sourceAddress[row] = this.source[packet]!;
    block.destinationAddress[row] = this.destination[packet]!;
    block.ipProtocol[row] = this.protocols[packet]!;
    block.sourcePort[row] = this.ports[packet]! >>> 16;
    block.destinationPort[row] = this.ports[packet]! & 0xffff;
    block.role[row] = this.roles[packet]!;
    block.present[row] = HAS_MACS | HAS_IP | HAS_IP_ID | HAS_PORTS;
    if (this.protocols[packet] !== 6) return;
    block.present[row]! |= HAS_TCP;
    block.tcpFlags[row] = this.flags[packet]!;
    block.tcpSequence[row] = this.random.uint32();
  }
}

const isOurs = (address: number): boolean => address >>> 24 === 10;
const textOf = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
