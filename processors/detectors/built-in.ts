/** The detectors that come with the product, in the order of the README. A new one is a file here and a line below. */

import type { Detector } from '../contract/detector.js';
import { arpSpoofing } from './arp-spoofing.js';
import { bruteForce } from './brute-force.js';
import { portScan } from './port-scan.js';
import { synFlood } from './syn-flood.js';

export const builtInDetectors: readonly Detector[] = [portScan, synFlood, bruteForce, arpSpoofing];
