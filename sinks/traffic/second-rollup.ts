/** Packets and bytes by the second, of the last hour alone, by capture node and a few protocols: what is written does not grow with the traffic. */
import { HAS_IP, type PacketBlock } from '../../schemas/packets/packet-block.js';

export const SECOND_PROTOCOLS = ['tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'arp', 'other'] as const;
const CLASSES = SECOND_PROTOCOLS.length;
const OTHER = CLASSES - 1;
const ARP = 5;
const ETHER_TYPE_ARP = 0x0806;

/** The place of each IP protocol among them. */
const CLASS_OF_IP = new Uint8Array(256).fill(OTHER);
for (const [place, number] of [6, 17, 1, 58, 132].entries()) CLASS_OF_IP[number] = place;

const SECOND_MICROS = 1_000_000;
/** What is older when its unit begins is not counted by the second. */
export const SECONDS_KEPT = 3_600;
/** A clock may be ahead of ours by so much. */
const AHEAD_SECONDS = 60;

export interface SecondRow {
  /** Since 1970-01-01 UTC. */
  readonly second: number;
  readonly captureNode: string;
  readonly protocol: (typeof SECOND_PROTOCOLS)[number];
  readonly packets: number;
  readonly bytes: number;
}

export class SecondRollup {
  /** Packets and bytes by class, by second, by node. */
  private readonly nodes = new Map<string, Map<number, Float64Array>>();
  /** Seconds that are counted. */
  private first = 0;
  private last = 0;

  /** @param now milliseconds since 1970-01-01 UTC */
  constructor(private readonly now: () => number = Date.now) {
    this.reset();
  }

  reset(): void {
    this.nodes.clear();
    const second = Math.floor(this.now() / 1000);
    this.first = second - SECONDS_KEPT;
    this.last = second + AHEAD_SECONDS;
  }

  /** Adds rows `from … to - 1`, which are of one minute. */
  add(block: PacketBlock, from: number, to: number, captureNode: string, weight: number): void {
    const start = Math.floor(block.timestamp[from]! / SECOND_MICROS);
    // All of a minute is outside when its first packet is by more than that.
    if (start < this.first - 60 || start > this.last + 60) return;
    const { timestamp, present, frameLength, etherType, ipProtocol } = block;
    let seconds = this.nodes.get(captureNode);
    if (seconds === undefined) {
      seconds = new Map();
      this.nodes.set(captureNode, seconds);
    }
    let second = Number.NaN;
    let tallies: Float64Array | undefined;
    for (let row = from; row < to; row++) {
      const at = Math.floor(timestamp[row]! / SECOND_MICROS);
      if (at !== second) {
        second = at;
        tallies = this.talliesOf(seconds, at);
      }
      if (tallies === undefined) continue;
      const isIp = (present[row]! & HAS_IP) !== 0;
      const place = isIp ? CLASS_OF_IP[ipProtocol[row]!]! : etherType[row] === ETHER_TYPE_ARP ? ARP : OTHER;
      tallies[2 * place]! += weight;
      tallies[2 * place + 1]! += frameLength[row]! * weight;
    }
  }

  private talliesOf(seconds: Map<number, Float64Array>, second: number): Float64Array | undefined {
    if (second < this.first || second > this.last) return undefined;
    let tallies = seconds.get(second);
    if (tallies === undefined) {
      tallies = new Float64Array(2 * CLASSES);
      seconds.set(second, tallies);
    }
    return tallies;
  }

  collect(): SecondRow[] {
    const rows: SecondRow[] = [];
    for (const [captureNode, seconds] of this.nodes) {
      for (const [second, tallies] of seconds) {
        for (const [place, protocol] of SECOND_PROTOCOLS.entries()) {
          const packets = tallies[2 * place]!;
          if (packets > 0) rows.push({ second, captureNode, protocol, packets, bytes: tallies[2 * place + 1]! });
        }
      }
    }
    return rows;
  }
}
