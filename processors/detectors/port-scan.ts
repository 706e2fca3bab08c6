/**
 * A source that tries many ports, on one host or on many. What counts is probes, not packets: a TCP SYN, the NULL, FIN
 * and Xmas shapes, first fragments that hide their flags, and UDP that opens a conversation. So neither a server that answers many clients' ephemeral ports
 * nor the transfer of a busy connection looks like a scan.
 */

import type { Severity } from '../../schemas/alerts/alert.js';
import { type PacketBlock, ROLE_ORIGINATOR, ROLE_RESPONDER } from '../../schemas/packets/packet-block.js';
import { defineDetector, NOT_COUNTED } from '../contract/detector.js';
import type { AlertText, EpisodeEvidence, WindowOutcomes } from '../contract/evidence.js';
import { KIND_SCTP_OPENING, KIND_TCP_SYN, KIND_UDP_OPENING, packetKind } from '../contract/packet-kind.js';
import type { WatcherSettings } from '../contract/watch.js';
import { counted, seconds } from './alert-words.js';
import { stealthScan } from './stealth-scan.js';

export const portScan = defineDetector({
  id: 'port-scan',
  version: '1',
  name: 'Port scan',
  summary:
    'A source probes many destination ports within the window: TCP SYN, NULL, FIN and Xmas segments, fragments that hide the flags, and UDP that opens a conversation, TCP and UDP port numbers in one set, all targets together.',
  techniques: [{ id: 'T1046', name: 'Network Service Discovery' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  perDestinationPort: false,
  packets: ['tcp-syn', 'tcp-stealth', 'udp-opening', 'sctp-opening'],
  measure: 'distinct',
  values: 'ports',
  durable: false,
  threshold: { default: 10, minimum: 2, maximum: 1000, help: 'distinct destination ports' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {
    stealthProbes: {
      kind: 'boolean',
      default: true,
      help: 'count NULL, FIN and Xmas segments and fragments that hide the flags',
    },
    udpProbes: { kind: 'boolean', default: true, help: 'count UDP that opens a conversation' },
  },
  createObserver:
    ({ stealthProbes, udpProbes }) =>
    (block, row) => {
      const kind = packetKind(block, row);
      if (kind === KIND_TCP_SYN || kind === KIND_SCTP_OPENING) return block.destinationPort[row]!;
      if (kind === KIND_UDP_OPENING) return udpProbes ? block.destinationPort[row]! : NOT_COUNTED;
      return stealthProbes && !inConversation(block, row) ? block.destinationPort[row]! : NOT_COUNTED;
    },
  companion: stealthScan,
  judge,
  judgesAttempt: (port, ttl) => ttl > HOPS_MAX || port < TRACEROUTE_FIRST || port > TRACEROUTE_LAST,
  describe,
});

/** Probes of traceroute by UDP: its ports (IANA), sent to die within so many hops. They are no scan of these ports. */
const TRACEROUTE_FIRST = 33_434;
const TRACEROUTE_LAST = 33_625;
const HOPS_MAX = 30;

/** Ports of one host that must have failed, or the share of all that failed at few hosts, for a scan and not many peers. */
const AT_ONE_HOST = 3;
const PORTS_PER_HOST = 2;
/** Share of the failed ports that one host has at least, where a scan is aimed at it. */
const AIMED_SHARE = 0.8;

/**
 * A scan is what fails: ports of which none was answered. Peers of a distributed program (BitTorrent, calls) fail as well, each
 * at a port of its own; a scan tries several ports of a host.
 */
function judge(outcomes: WindowOutcomes, { threshold, severity }: WatcherSettings): Severity {
  const { failed, answered, unseen, failedAtOne, failedTargets } = outcomes;
  if (unseen > failed + answered) return severity;
  if (failed < threshold) return 1;
  return failedAtOne >= AT_ONE_HOST || failed >= PORTS_PER_HOST * failedTargets ? severity : 1;
}

/** A broken stack may send such a segment inside a conversation; that is no probe. */
function inConversation(block: PacketBlock, row: number): boolean {
  return block.role[row] === ROLE_ORIGINATOR || block.role[row] === ROLE_RESPONDER;
}

/** One target is a vertical scan; few ports on many targets a horizontal one; many ports on several a block. */
function shapeOf(ports: number, targets: number): 'vertical' | 'horizontal' | 'block' {
  if (targets <= 1) return 'vertical';
  return targets > ports ? 'horizontal' : 'block';
}

function describe(evidence: EpisodeEvidence): AlertText {
  const { source, ports, targets, packets, outcomes } = evidence;
  // a stray probe elsewhere makes no block of what is aimed at one host
  const isAimed = outcomes !== null && outcomes.failed > 0 && outcomes.failedAtOne >= AIMED_SHARE * outcomes.failed;
  const shape = isAimed ? 'vertical' : shapeOf(ports.distinct, targets.distinct);
  const hosts = `on ${counted(targets, 'host')}`;
  const several = isAimed ? `${hosts}, nearly all at one of them` : hosts;
  const where = targets.distinct === 1 ? `of ${targets.sample[0]}` : several;
  const times = `${packets} probes in ${seconds(evidence)}`;
  return {
    message: `${source} scans ${ports.distinct} ports ${where} (${shape}), ${times}`,
    details: { shape },
  };
}
