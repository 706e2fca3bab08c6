/** The detectors that come with the product, in the order of the README. A new one is a file here and a line below. */

import type { Detector } from '../contract/detector.js';
import { amplification } from './amplification.js';
import { arpSpoofing } from './arp-spoofing.js';
import { backscatter } from './backscatter.js';
import { bruteForce } from './brute-force.js';
import { distributedFlood } from './distributed-flood.js';
import { distributedScan } from './distributed-scan.js';
import { hostSweep } from './host-sweep.js';
import { icmpFlood } from './icmp-flood.js';
import { loginAfterFailures } from './login-after-failures.js';
import { osFingerprint } from './os-fingerprint.js';
import { passwordSpray } from './password-spray.js';
import { portScan } from './port-scan.js';
import { protocolScan } from './protocol-scan.js';
import { slowScan } from './slow-scan.js';
import { synFlood } from './syn-flood.js';
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
  arpSpoofing,
  backscatter,
  traceroute,
  osFingerprint,
];
