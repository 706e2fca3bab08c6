/** Whole frames through the real decoder, as `nta analyze` reads them, for tests of detectors that live on observations. */
import { Analysis } from '../../processors/analysis.js';
import { Dissection, decodeFrame } from '../../producers/decoding/decoder.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { LINK_TYPE } from './frames.js';

/** 2026-01-01T00:00:00Z, µs. */
const BEGIN = 1_767_225_600_000_000;

export interface TimedFrame {
  /** Seconds after the begin of the capture. */
  readonly at: number;
  readonly frame: Uint8Array;
  readonly interface?: string;
}

/** The alerts of these frames, in their order; the capture ends after the last. */
export function alertsOf(frames: readonly TimedFrame[]): readonly AlertDocument[] {
  const block = new PacketBlock(Math.max(1, frames.length));
  const dissection = new Dissection({ observe: true });
  const origins = new Map<string, number>();
  for (const { at, frame, interface: name = 'eth0' } of frames) {
    const origin =
      origins.get(name) ??
      block.originIndex({
        captureNode: 'node-1',
        interface: name,
        linkType: LINK_TYPE.ethernet,
        timeline: 'capture',
        sampling: 'none',
        samplingRate: 1,
      });
    origins.set(name, origin);
    const time = BEGIN + Math.round(at * 1e6);
    decodeFrame(block, LINK_TYPE.ethernet, frame, 0, frame.length, frame.length, time, origin, dissection);
  }
  const analysis = new Analysis();
  return [...analysis.process(block, null, null, block.observations), ...analysis.finish()];
}

/** What was said by a rule, the most severe of each episode: "3 10.0.0.66". */
export function saidBy(rule: string, alerts: readonly AlertDocument[]): string[] {
  const episodes = new Map<string, string>();
  for (const alert of alerts) {
    if (alert.rule.id === rule) episodes.set(alert.nta.alert.id, `${alert.event.severity} ${alert.source.address}`);
  }
  return [...episodes.values()];
}
