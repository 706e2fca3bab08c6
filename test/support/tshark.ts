/**
 * What tshark reads from a capture, a frame at a time: the measure that decoders and generated frames are held to.
 *
 * tshark prints each field once for every layer that has it, outermost first; here the first occurrence counts, except
 * where an ICMP error quotes an inner packet and `layers` tells which header a value belongs to. Reassembly is off, so
 * every fragment and segment stands for itself.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { findTool } from './requirement.js';

/** One frame. Absent fields are undefined; addresses and MACs are text as tshark prints it. */
export interface TsharkFrame {
  /** 1-based. */
  readonly frame: number;
  /** ns since 1970-01-01 UTC. */
  readonly timeNs: bigint;
  readonly frameLength: number;
  readonly capturedLength: number;
  /** All layers, outermost first: ["eth", "ethertype", "ip", "tcp"]. */
  readonly layers: readonly string[];
  readonly sourceMac: string | undefined;
  readonly destinationMac: string | undefined;
  /** VLAN ids of all tags, service and customer, outermost first. */
  readonly vlans: readonly number[];
  /** EtherTypes, outermost first: of the Ethernet header, then of each tag. */
  readonly etherTypes: readonly number[];
  readonly ipv4Source: string | undefined;
  readonly ipv4Destination: string | undefined;
  readonly ipv6Source: string | undefined;
  readonly ipv6Destination: string | undefined;
  readonly ipProtocol: number | undefined;
  /** Next header fields of the IPv6 header and of each kind of extension header, outermost first. */
  readonly nextHeaders: {
    readonly ipv6: readonly number[];
    readonly hopByHop: readonly number[];
    readonly routing: readonly number[];
    readonly destination: readonly number[];
    readonly fragment: readonly number[];
    readonly authentication: readonly number[];
  };
  readonly ttl: number | undefined;
  readonly hopLimit: number | undefined;
  readonly ipId: number | undefined;
  /** Bytes. */
  readonly fragmentOffset: number | undefined;
  readonly moreFragments: boolean | undefined;
  readonly ipv6FragmentId: number | undefined;
  readonly ipv6FragmentOffset: number | undefined;
  readonly tcpSourcePort: number | undefined;
  readonly tcpDestinationPort: number | undefined;
  readonly tcpFlags: number | undefined;
  /** The raw sequence number. */
  readonly tcpSequence: number | undefined;
  readonly udpSourcePort: number | undefined;
  readonly udpDestinationPort: number | undefined;
  readonly sctpSourcePort: number | undefined;
  readonly sctpDestinationPort: number | undefined;
  readonly icmpType: number | undefined;
  readonly icmpCode: number | undefined;
  readonly icmpv6Type: number | undefined;
  readonly icmpv6Code: number | undefined;
  readonly arpOperation: number | undefined;
  readonly arpSenderMac: string | undefined;
  readonly arpSenderAddress: string | undefined;
  readonly arpTargetMac: string | undefined;
  readonly arpTargetAddress: string | undefined;
  readonly dnsQuery: string | undefined;
  readonly dnsType: number | undefined;
  readonly tlsServerName: string | undefined;
  readonly httpHost: string | undefined;
  readonly httpMethod: string | undefined;
  readonly dhcpMessageType: number | undefined;
  readonly dhcpHostname: string | undefined;
  /** What tshark finds odd: malformed packets, wrong checksums, and also remarks such as "connection reset". */
  readonly expert: readonly ExpertInformation[];
}

export interface ExpertInformation {
  readonly severity: number;
  readonly message: string;
}

/** From this severity on (warnings and errors) a frame is not as its protocol wants it. */
export const EXPERT_WARNING = 0x600000;

const FIELDS = [
  'frame.number',
  'frame.time_epoch',
  'frame.len',
  'frame.cap_len',
  'frame.protocols',
  'frame.encap_type',
  'eth.src',
  'eth.dst',
  'sll.src.eth',
  'wlan.sa',
  'wlan.da',
  'fddi.src',
  'fddi.dst',
  'vlan.id',
  'ieee8021ad.id',
  'eth.type',
  'vlan.etype',
  'sll.etype',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'ip.proto',
  'ipv6.nxt',
  'ipv6.hopopts.nxt',
  'ipv6.routing.nxt',
  'ipv6.dstopts.nxt',
  'ipv6.fraghdr.nxt',
  'ah.next_header',
  'ip.ttl',
  'ipv6.hlim',
  'ip.id',
  'ip.frag_offset',
  'ip.flags.mf',
  'ipv6.fraghdr.ident',
  'ipv6.fraghdr.offset',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.flags',
  'tcp.seq_raw',
  'udp.srcport',
  'udp.dstport',
  'sctp.srcport',
  'sctp.dstport',
  'icmp.type',
  'icmp.code',
  'icmpv6.type',
  'icmpv6.code',
  'arp.opcode',
  'arp.src.hw_mac',
  'arp.src.proto_ipv4',
  'arp.dst.hw_mac',
  'arp.dst.proto_ipv4',
  'dns.qry.name',
  'dns.qry.type',
  'tls.handshake.extensions_server_name',
  'http.host',
  'http.request.method',
  'dhcp.option.dhcp',
  'dhcp.option.hostname',
  '_ws.expert.severity',
  '_ws.expert.message',
] as const;
type Field = (typeof FIELDS)[number];

const SEPARATOR = '\t';
const OCCURRENCE = '\x1f';

export interface TsharkOptions {
  /** Verifies checksums, which makes wrong ones expert messages; off by default, as in tshark. */
  readonly verifyChecksums?: boolean;
}

/** tshark could not read the file, or stopped inside it. `frames` were yielded before. */
export class TsharkError extends Error {
  override readonly name = 'TsharkError';
  constructor(
    readonly path: string,
    readonly exitCode: number | null,
    readonly stderr: string,
    readonly frames: number,
  ) {
    super(`tshark ended with ${exitCode} after ${frames} frames of ${path}: ${stderr.trim()}`);
  }
}

/**
 * Every frame of a capture. Blocks of a pcapng file that hold no packet (custom blocks, a journal) are left out, although
 * tshark numbers them. Throws `TsharkError` after the last frame when tshark does not read to the end. */
export async function* tsharkFrames(path: string, options: TsharkOptions = {}): AsyncGenerator<TsharkFrame, void> {
  const tool = findTool('tshark');
  if (tool === undefined) throw new TsharkError(path, null, 'tshark is not installed', 0);
  const child = spawn(tool, tsharkArguments(path, options), { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  exit.catch(() => undefined); // awaited below, but the reader may leave before
  let frames = 0;
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      const frame = parseFrame(line);
      if (frame === undefined) continue;
      yield frame;
      frames++;
    }
    const exitCode = await exit;
    if (exitCode !== 0) throw new TsharkError(path, exitCode, stderr, frames);
  } finally {
    child.kill();
  }
}

/** The same in an array, with the error beside what was read instead of thrown. */
export async function readWithTshark(
  path: string,
  options: TsharkOptions = {},
): Promise<{ readonly frames: TsharkFrame[]; readonly error: TsharkError | undefined }> {
  const frames: TsharkFrame[] = [];
  try {
    for await (const frame of tsharkFrames(path, options)) frames.push(frame);
  } catch (error) {
    if (error instanceof TsharkError) return { frames, error };
    throw error;
  }
  return { frames, error: undefined };
}

function tsharkArguments(path: string, options: TsharkOptions): string[] {
  const preferences = [
    'ip.defragment:FALSE',
    'ipv6.defragment:FALSE',
    'tcp.desegment_tcp_streams:FALSE',
    'tcp.relative_sequence_numbers:FALSE',
    'tcp.analyze_sequence_numbers:FALSE',
  ];
  if (options.verifyChecksums) {
    for (const protocol of ['ip', 'tcp', 'udp']) preferences.push(`${protocol}.check_checksum:TRUE`);
    preferences.push('sctp.checksum:CRC 32c');
  }
  return [
    '-n',
    '-r',
    path,
    ...preferences.flatMap((preference) => ['-o', preference]),
    '-T',
    'fields',
    '-E',
    `separator=${SEPARATOR}`,
    '-E',
    'occurrence=a',
    '-E',
    `aggregator=${OCCURRENCE}`,
    ...FIELDS.flatMap((field) => ['-e', field]),
  ];
}

/** Source and destination MAC of the link layers that have them; Linux cooked has no destination. */
const MAC_FIELDS = {
  eth: ['eth.src', 'eth.dst'],
  wlan: ['wlan.sa', 'wlan.da'],
  fddi: ['fddi.src', 'fddi.dst'],
  sll: ['sll.src.eth', undefined],
} as const;

function parseFrame(line: string): TsharkFrame | undefined {
  const cells = line.split(SEPARATOR);
  const all = (field: Field): string[] => {
    const cell = cells[FIELDS.indexOf(field)] ?? '';
    return cell === '' ? [] : cell.split(OCCURRENCE);
  };
  const text = (field: Field): string | undefined => all(field)[0];
  const numbers = (field: Field): number[] => all(field).map(Number);
  const number = (field: Field): number | undefined => numbers(field)[0];
  if (text('frame.encap_type') === undefined) return undefined;
  const moreFragments = text('ip.flags.mf');
  const layers = (text('frame.protocols') ?? '').split(':');
  const link = layers.find((layer) => layer in MAC_FIELDS) as keyof typeof MAC_FIELDS | undefined;
  return {
    frame: number('frame.number')!,
    timeNs: epochNanoseconds(text('frame.time_epoch') ?? '0'),
    frameLength: number('frame.len')!,
    capturedLength: number('frame.cap_len')!,
    layers,
    sourceMac: link === undefined ? undefined : text(MAC_FIELDS[link][0]),
    destinationMac: link === undefined || MAC_FIELDS[link][1] === undefined ? undefined : text(MAC_FIELDS[link][1]),
    vlans: inLayerOrder(layers, {
      ieee8021ad: numbers('ieee8021ad.id'),
      vlan: numbers('vlan.id'),
    }),
    etherTypes: [...numbers('sll.etype'), ...numbers('eth.type'), ...numbers('vlan.etype')],
    ipv4Source: text('ip.src'),
    ipv4Destination: text('ip.dst'),
    ipv6Source: text('ipv6.src'),
    ipv6Destination: text('ipv6.dst'),
    ipProtocol: number('ip.proto'),
    nextHeaders: {
      ipv6: numbers('ipv6.nxt'),
      hopByHop: numbers('ipv6.hopopts.nxt'),
      routing: numbers('ipv6.routing.nxt'),
      destination: numbers('ipv6.dstopts.nxt'),
      fragment: numbers('ipv6.fraghdr.nxt'),
      authentication: numbers('ah.next_header'),
    },
    ttl: number('ip.ttl'),
    hopLimit: number('ipv6.hlim'),
    ipId: number('ip.id'),
    fragmentOffset: eightfold(number('ip.frag_offset')),
    moreFragments: moreFragments === undefined ? undefined : moreFragments === '1' || moreFragments === 'True',
    ipv6FragmentId: number('ipv6.fraghdr.ident'),
    ipv6FragmentOffset: eightfold(number('ipv6.fraghdr.offset')),
    tcpSourcePort: number('tcp.srcport'),
    tcpDestinationPort: number('tcp.dstport'),
    tcpFlags: number('tcp.flags'),
    tcpSequence: number('tcp.seq_raw'),
    udpSourcePort: number('udp.srcport'),
    udpDestinationPort: number('udp.dstport'),
    sctpSourcePort: number('sctp.srcport'),
    sctpDestinationPort: number('sctp.dstport'),
    icmpType: number('icmp.type'),
    icmpCode: number('icmp.code'),
    icmpv6Type: number('icmpv6.type'),
    icmpv6Code: number('icmpv6.code'),
    arpOperation: number('arp.opcode'),
    arpSenderMac: text('arp.src.hw_mac'),
    arpSenderAddress: text('arp.src.proto_ipv4'),
    arpTargetMac: text('arp.dst.hw_mac'),
    arpTargetAddress: text('arp.dst.proto_ipv4'),
    dnsQuery: text('dns.qry.name'),
    dnsType: number('dns.qry.type'),
    tlsServerName: text('tls.handshake.extensions_server_name'),
    httpHost: text('http.host'),
    httpMethod: text('http.request.method'),
    dhcpMessageType: number('dhcp.option.dhcp'),
    dhcpHostname: text('dhcp.option.hostname'),
    expert: all('_ws.expert.message').map((message, index) => ({
      severity: numbers('_ws.expert.severity')[index]!,
      message,
    })),
  };
}

/** "1700000000.123456789" → ns; tshark prints nine decimals. */
function epochNanoseconds(text: string): bigint {
  const [seconds, fraction = ''] = text.split('.');
  const sign = text.startsWith('-') ? -1n : 1n;
  return BigInt(seconds!) * 1_000_000_000n + sign * BigInt(fraction.padEnd(9, '0').slice(0, 9));
}

/** tshark prints fragment offsets as the header has them, in units of 8 bytes. */
function eightfold(offset: number | undefined): number | undefined {
  return offset === undefined ? undefined : offset * 8;
}

/** The values of several layers' fields, in the order in which the layers stand in the frame. */
function inLayerOrder(layers: readonly string[], values: Readonly<Record<string, readonly number[]>>): number[] {
  const taken: Record<string, number> = {};
  const ordered: number[] = [];
  for (const layer of layers) {
    const index = taken[layer] ?? 0;
    const value = values[layer]?.[index];
    taken[layer] = index + 1;
    if (value !== undefined) ordered.push(value);
  }
  return ordered;
}
