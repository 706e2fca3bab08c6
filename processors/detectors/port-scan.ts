/**
 * A source that tries many ports, on one host or on many. What counts is probes, not packets: a TCP SYN, the NULL, FIN
 * and Xmas shapes, first fragments that hide their flags, and UDP that opens a conversation. So neither a server that answers many clients' ephemeral ports
 * nor the transfer of a busy connection looks like a scan.
 */
import { type PacketBlock, ROLE_ORIGINATOR, ROLE_RESPONDER } from '../../schemas/packets/packet-block.js';
import { type AlertText, defineDetector, NOT_COUNTED } from '../contract/detector.js';
import type { EpisodeEvidence } from '../contract/evidence.js';
import { KIND_TCP_SYN, KIND_UDP_OPENING, packetKind } from '../contract/packet-kind.js';
import { counted, seconds } from './alert-words.js';

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
  packets: ['tcp-syn', 'tcp-stealth', 'udp-opening'],
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
      if (kind === KIND_TCP_SYN) return block.destinationPort[row]!;
      if (kind === KIND_UDP_OPENING) return udpProbes ? block.destinationPort[row]! : NOT_COUNTED;
      return stealthProbes && !inConversation(block, row) ? block.destinationPort[row]! : NOT_COUNTED;
    },
  describe,
});

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
  const { source, ports, targets, packets } = evidence;
  const shape = shapeOf(ports.distinct, targets.distinct);
  const where = targets.distinct === 1 ? `of ${targets.sample[0]}` : `on ${counted(targets, 'host')}`;
  const times = `${packets} probes in ${seconds(evidence)}`;
  return {
    message: `${source} scans ${ports.distinct} ports ${where} (${shape}), ${times}`,
    details: { shape },
  };
}
