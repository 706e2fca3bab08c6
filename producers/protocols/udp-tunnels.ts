/** Tunnels in UDP, by the port that a datagram goes to or, where the answers come back from it, comes from. */
import type { Dissection } from './dissection.js';
import { decodeGeneve } from './geneve.js';
import { decodeGtpU } from './gtp-u.js';
import { decodeL2tp } from './l2tp.js';
import { decodeTeredo } from './teredo.js';
import { decodeVxlan, decodeVxlanGpe } from './vxlan.js';

// Here and not with their decoders, which import each other: the table below is made while files are loaded.
const VXLAN_PORT = 4789;
/** Linux had VXLAN before the port was assigned and kept this one as its default. */
const VXLAN_PORT_LINUX = 8472;
const VXLAN_GPE_PORT = 4790;
const GENEVE_PORT = 6081;
const GTP_U_PORT = 2152;
const TEREDO_PORT = 3544;
const L2TP_PORT = 1701;

/** Ports below are of services, whose answers may go to any other port: what they send is never a tunnel's answer. */
const EPHEMERAL_PORT_MIN = 1024;

const TO_PORT = 1;
/** Whoever asked gets the answer at a port of its own. */
const TO_OR_FROM_PORT = 3;

/** How each port takes part: one look for every datagram. */
const ROLES = new Uint8Array(0x10000);
for (const port of [VXLAN_PORT, VXLAN_PORT_LINUX, VXLAN_GPE_PORT, GENEVE_PORT, GTP_U_PORT]) ROLES[port] = TO_PORT;
for (const port of [TEREDO_PORT, L2TP_PORT]) ROLES[port] = TO_OR_FROM_PORT;

/** The port by which a datagram may be of a tunnel; 0 when it cannot. */
export function tunnelPort(sourcePort: number, destinationPort: number): number {
  if (ROLES[destinationPort] !== 0) return destinationPort;
  return ROLES[sourcePort] === TO_OR_FROM_PORT && destinationPort >= EPHEMERAL_PORT_MIN ? sourcePort : 0;
}

export function decodeUdpTunnel(dissection: Dissection, offset: number, end: number, port: number): number {
  switch (port) {
    case VXLAN_GPE_PORT:
      return decodeVxlanGpe(dissection, offset, end);
    case GENEVE_PORT:
      return decodeGeneve(dissection, offset, end);
    case GTP_U_PORT:
      return decodeGtpU(dissection, offset, end);
    case TEREDO_PORT:
      return decodeTeredo(dissection, offset, end);
    case L2TP_PORT:
      return decodeL2tp(dissection, offset, end);
    default:
      return decodeVxlan(dissection, offset, end);
  }
}
