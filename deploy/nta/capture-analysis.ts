/** Captures read, decoded and given to a thread of detection, one after the other: for `nta analyze` and `nta backtest`. */
import { hostname } from 'node:os';
import type { DetectorStatistics } from '../../processors/engine/engine.js';
import { type DetectionSettings, detectionOptions } from '../../processors/rules/detection-options.js';
import { parseVlanTpids, VLAN_TPIDS_OPTION } from '../../producers/decoding/vlan-tpids.js';
import { SITE_OPTION } from '../../producers/site-option.js';
import { defineOptions, type Settings } from '../../runtime/process/options.js';
import type { ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import type { TrackedRows } from './analysis-thread.js';
import { describeFile } from './command.js';
import { BLOCK_CAPACITY, type DetectionThread } from './detection-thread.js';

/** How captures are read. */
export const captureReadingOptions = defineOptions({
  nodeId: {
    kind: 'string',
    env: 'NTA_NODE_ID',
    default: hostname(),
    defaultText: 'the host name',
    placeholder: '<name>',
    help: 'observer.name of the alerts',
  },
  site: SITE_OPTION,
  tunnels: {
    kind: 'string',
    env: 'NTA_TUNNELS',
    default: 'outer',
    choices: ['outer', 'inner'],
    help: 'which packet of a tunnelled one detection sees',
  },
  vlanTpids: VLAN_TPIDS_OPTION,
});

export interface CaptureAnalysis {
  readonly frames: number;
  readonly copies: number;
  /** One for each capture that could not be read to its end. */
  readonly failures: readonly string[];
  readonly detectors: readonly DetectorStatistics[];
}

/** The settings of detection alone, as the thread takes them. */
export function detectionSettings(settings: DetectionSettings): DetectionSettings {
  const names = Object.keys(detectionOptions) as (keyof DetectionSettings)[];
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as unknown as DetectionSettings;
}

/** Each file is a timeline of its own. @param watch sees all conversations */
export async function analyzeCaptures(
  files: readonly string[],
  settings: DetectionSettings & Settings<typeof captureReadingOptions>,
  detection: DetectionThread,
  watch: (conversations: ConversationBlock) => void = () => undefined,
): Promise<CaptureAnalysis> {
  // The decoders are loaded while the thread starts.
  const { decodeCapture } = await import('../../producers/decoding/capture-decoder.js');
  const { TrackedCapture } = await import('./tracked-capture.js');
  const failures: string[] = [];
  let frames = 0;
  let copies = 0;
  let detectors: readonly DetectorStatistics[] = [];
  for (const [index, file] of files.entries()) {
    const timeline = `analyze-${index}`;
    const tracked = new TrackedCapture(watch);
    const takeRows = (): TrackedRows => tracked.take((rows) => detection.processRows(rows));
    const options = {
      tunnels: settings.tunnels,
      vlanTpids: parseVlanTpids(settings.vlanTpids),
      // Our own detectors look at no application; somebody's might.
      application: settings.detector.length > 0,
      captureNode: settings.nodeId,
      timeline,
      site: settings.site,
      dedupeWindow: settings.dedupeWindow * 1000,
      observe: true,
      conversations: tracked.tracker,
      blockCapacity: BLOCK_CAPACITY,
    };
    const decoded = await detection.during(
      decodeCapture(file, options, (block) => detection.process(block, takeRows())),
    );
    tracked.tracker.finish();
    detection.processRows(takeRows());
    detectors = await detection.endTimeline(timeline);
    frames += decoded.frames;
    copies += decoded.copies;
    if (decoded.failure !== null) failures.push(`${describeFile(file)}: ${decoded.failure.message}`);
  }
  return { frames, copies, failures, detectors };
}
