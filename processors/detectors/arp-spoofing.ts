/**
 * One IP address claimed by different MACs (RFC 826: the sender addresses of requests and replies). What is benign:
 * probes for an address (sender 0.0.0.0, RFC 5227) claim nothing; virtual router MACs (VRRP and CARP, RFC 5798; HSRP)
 * move between routers by design; and an address whose holder has been silent for the window has been given to another
 * (DHCP, replaced hardware), so the window is how long a claim stands. A router that answers for others (proxy ARP)
 * claims one MAC for many addresses, which is no conflict unless the hosts are on the same link; name its MAC then.
 */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { type AlertText, defineDetector, NOT_COUNTED } from '../contract/detector.js';
import type { EpisodeEvidence } from '../contract/evidence.js';
import { NetworkList } from '../contract/network-list.js';

export const arpSpoofing = defineDetector({
  id: 'arp-spoofing',
  version: '1',
  name: 'ARP spoofing',
  summary:
    'One IP address is claimed by two or more MACs within the window. Left out: ARP probes, virtual router MACs, and an address taken over after its holder was silent for the window.',
  techniques: [{ id: 'T1557.002', name: 'Adversary-in-the-Middle: ARP Cache Poisoning' }],
  eventTypes: ['info'],
  severity: 2,
  keyedBy: 'source',
  perDestinationPort: false,
  packets: ['arp'],
  measure: 'distinct',
  values: 'macs',
  durable: true,
  threshold: { default: 2, minimum: 2, maximum: 100, help: 'distinct MACs that claim the address' },
  windowSeconds: {
    default: 300,
    minimum: 1,
    maximum: 86_400,
    help: 'how long a claim stands; an address silent for longer may change hands',
  },
  options: {
    virtualMacs: {
      kind: 'macs',
      default: ['00:00:5e:00:01', '00:00:5e:00:02', '00:00:0c:07:ac', '00:00:0c:9f:f', '00:05:73:a0:0'],
      help: 'MACs, or how they begin, whose claims are left out: VRRP, CARP, HSRP; add routers that do proxy ARP',
    },
    gateways: {
      kind: 'networks',
      default: [],
      help: 'addresses of gateways: a conflict about one of them is told with high confidence',
    },
  },
  createObserver: ({ virtualMacs }) => {
    const prefixes = virtualMacs.map((text) => {
      const digits = text.replaceAll(':', '');
      const unit = 2 ** (48 - 4 * digits.length);
      return { prefix: Number.parseInt(digits, 16), unit };
    });
    return (block, row) => {
      const mac = claimOf(block, row);
      for (const { prefix, unit } of prefixes) {
        if (Math.floor(mac / unit) === prefix) return NOT_COUNTED;
      }
      return mac;
    };
  },
  describe: (evidence, { gateways }) => describe(evidence, new NetworkList(gateways)),
});

/** The MAC that claims an address, or `NOT_COUNTED`. */
function claimOf(block: PacketBlock, row: number): number {
  const arp = block.extras[block.extra[row]!]!.arp!;
  const address = arp.senderAddress;
  if (address.length !== 4 || (address[0]! | address[1]! | address[2]! | address[3]!) === 0) return NOT_COUNTED;
  const mac = arp.senderMac;
  if (mac.length !== 6) return NOT_COUNTED;
  const low = ((mac[2]! << 24) | (mac[3]! << 16) | (mac[4]! << 8) | mac[5]!) >>> 0;
  return (mac[0]! * 256 + mac[1]!) * 0x1_0000_0000 + low;
}

/**
 * Once taken over and never claimed back is how a replaced or moved host looks, too; claims that go to and fro are two
 * stations that both say it, and a gateway's address does not move without its operator's knowing.
 */
function describe(evidence: EpisodeEvidence, gateways: NetworkList): AlertText {
  const { source, macs, valueChanges } = evidence;
  const gateway = gateways.hasText(source);
  const confidence = gateway || valueChanges >= 3 ? 'high' : valueChanges === 2 ? 'medium' : 'low';
  const names = macs.map((claim) => claim.mac);
  const list = names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(' and ');
  const what = gateway ? `the gateway ${source}` : source;
  return {
    message: `${what} is claimed by ${list}, changing hands ${valueChanges} time${valueChanges === 1 ? '' : 's'}`,
    details: { confidence, changes: valueChanges, gateway },
  };
}
