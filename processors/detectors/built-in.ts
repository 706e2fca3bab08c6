/** The detectors that come with the product, in the order of the README. A new one is a file here and a line below. */

import type { Detector } from '../contract/detector.js';
import { amplification } from './amplification.js';
import { arpSpoofing } from './arp-spoofing.js';
import { arpSweep } from './arp-sweep.js';
import { backscatter } from './backscatter.js';
import { beacon } from './beacon.js';
import { bruteForce } from './brute-force.js';
import { dhcpStarvation } from './dhcp-starvation.js';
import { distributedFlood } from './distributed-flood.js';
import { distributedScan } from './distributed-scan.js';
import { dnsAnomaly } from './dns-anomaly.js';
import { dnsTunnel } from './dns-tunnel.js';
import { exfiltration } from './exfiltration.js';
import { newHost, newService } from './first-seen.js';
import { hostSweep } from './host-sweep.js';
import { icmpFlood } from './icmp-flood.js';
import { icmpTunnel } from './icmp-tunnel.js';
import { lateralMovement } from './lateral-movement.js';
import { loginAfterFailures } from './login-after-failures.js';
import { longConnection } from './long-connection.js';
import { neighborSpoofing } from './neighbor-spoofing.js';
import { osFingerprint } from './os-fingerprint.js';
import { passwordSpray } from './password-spray.js';
import { portScan } from './port-scan.js';
import { protocolScan } from './protocol-scan.js';
import { rogueDhcp } from './rogue-dhcp.js';
import { rogueRouter } from './rogue-router.js';
import { slowScan } from './slow-scan.js';
import { synFlood } from './syn-flood.js';
import { NO_THREATS, threatIntel } from './threat-intel.js';
import { traceroute } from './traceroute.js';

export const builtInDetectors: readonly Detector[] = [
  portScan,
  hostSweep,
  slowScan,
  protocolScan,
  distributedScan,
  synFlood,
  distributedFlood,
  icmpFlood,
  amplification,
  bruteForce,
  passwordSpray,
  loginAfterFailures,
  // The link.
  arpSpoofing,
  arpSweep,
  neighborSpoofing,
  rogueRouter,
  rogueDhcp,
  dhcpStarvation,
  // Names and echoes.
  dnsTunnel,
  dnsAnomaly,
  icmpTunnel,
  // Long memory of conversations.
  beacon,
  exfiltration,
  longConnection,
  lateralMovement,
  newHost,
  newService,
  // What lists of `--threat-intel` name; nothing without one.
  threatIntel(NO_THREATS),
  // What is reported for information.
  backscatter,
  traceroute,
  osFingerprint,
];
