/**
 * Detection rules as the engine takes them: detectors with their options read, and the exceptions compiled. They come
 * from `parseDetectionConfiguration`, or from `defaultRules` when there is no file (processors/rules/).
 */

import type { Severity } from '../../schemas/alerts/alert.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Detector, DetectorOptions } from './detector.js';

/** What a rule leaves out, compiled for the packet path. */
export interface RuleExceptions {
  matches(block: PacketBlock, row: number): boolean;
  /** The same for what is no packet: addresses as text, empty where there is none; a port of -1 is none. */
  matchesText(source: string, target: string, port: number, captureNode: string, site: string, time: number): boolean;
  /** Whether everything of this source is left out, whatever it does. */
  coversSource(address: string): boolean;
}

export interface DetectionRule {
  readonly detector: Detector;
  readonly threshold: number;
  readonly windowMicros: number;
  readonly severity: Severity;
  /** The detector's own options, defaults filled in. */
  readonly options: DetectorOptions;
  /** Packets that this rule leaves out; null when it leaves out none. */
  readonly exceptions: RuleExceptions | null;
}

/** The rules in force, switched off ones left out. */
export interface DetectionRules {
  readonly rules: readonly DetectionRule[];
}
