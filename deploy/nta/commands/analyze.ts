import { hostname } from 'node:os';
import type { DetectorStatistics } from '../../../processors/engine/engine.js';
import { type DetectionSettings, detectionOptions } from '../../../processors/rules/detection-options.js';
import { parseVlanTpids, VLAN_TPIDS_OPTION } from '../../../producers/decoding/vlan-tpids.js';
import { SITE_OPTION } from '../../../producers/site-option.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import type { TrackedRows } from '../analysis-thread.js';
import { formatCount } from '../balance.js';
import { defineCommand, describeFile, printRefusal } from '../command.js';
import { BLOCK_CAPACITY, DetectionThread } from '../detection-thread.js';
import { chosenFormat, jsonOption } from '../output-format.js';

const analyzeOptions = defineOptions({
  ...jsonOption,
  format: {
    kind: 'string',
    env: null,
    default: 'table',
    choices: ['table', 'json'],
    help: 'a table of episodes, or one ECS document a line for each of their events',
  },
  conversations: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<file>',
    help: 'write what became of each conversation to this file, one JSON object a line',
  },
  failOnAlert: { kind: 'boolean', env: null, default: false, help: 'exit code 3 when there is an alert' },
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

const EXIT_ALERT = 3;

/** The settings of detection alone, as the thread takes them. */
function detectionSettings(settings: DetectionSettings): DetectionSettings {
  const names = Object.keys(detectionOptions) as (keyof DetectionSettings)[];
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as unknown as DetectionSettings;
}

/** `nta analyze`: captures in, alerts out, in one process. */
export function analyzeCommand(): Command {
  return defineCommand({
    name: 'analyze',
    description: [
      'The decoders and detectors are those of the pipeline, and so are the ids of the alerts. Each file is a timeline of',
      'its own. Exit code 0 when every file was read to its end and no detector failed, 1 when not, 3 with --fail-on-alert and an alert.',
      '',
      'Examples:',
      '  nta analyze attack.pcap',
      "  nta analyze --format json *.pcap | jq 'select(.event.severity >= 4)'",
      '  tcpdump -w - -i eth0 -G 60 -W 1 | nta analyze --fail-on-alert -',
    ].join('\n'),
    arguments: '<file...>',
    options: { ...analyzeOptions, ...detectionOptions },
    run: async ({ settings, arguments: files, output }) => {
      /** By episode: a table shows its last event. */
      const episodes = new Map<string, AlertDocument>();
      let alertCount = 0;
      const format = chosenFormat(settings, 'table');
      const detection = new DetectionThread(detectionSettings(settings), (alerts) => {
        alertCount += alerts.length;
        if (format === 'json') return output.write(alerts.map((alert) => `${JSON.stringify(alert)}\n`).join(''));
        for (const alert of alerts) episodes.set(alert.nta.alert.id, alert);
      });
      // The decoders are loaded while the thread starts.
      const { decodeCapture } = await import('../../../producers/decoding/capture-decoder.js');
      const { TrackedCapture } = await import('../tracked-capture.js');
      const { ConversationLines } = await import('../conversation-lines.js');
      const lines = settings.conversations === '' ? null : new ConversationLines(settings.conversations);
      let frames = 0;
      let copies = 0;
      let exitCode = 0;
      let detectors: readonly DetectorStatistics[] = [];
      for (const [index, file] of files.entries()) {
        const timeline = `analyze-${index}`;
        const tracked = new TrackedCapture((conversations) => lines?.add(conversations));
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
        if (decoded.failure !== null) {
          printRefusal(`${describeFile(file)}: ${decoded.failure.message}`);
          exitCode = 1;
        }
      }
      lines?.close();
      await detection.stop();
      for (const { detector, failures, latestFailure } of detectors) {
        if (failures === 0) continue;
        printRefusal(
          `the detector ${detector} failed ${formatCount(failures)} times, at last: ${latestFailure}; its alerts are incomplete, those of the others are not`,
        );
        exitCode = 1;
      }
      if (format === 'table') {
        const { formatAlertTable, latestEvents } = await import('../alert-table.js');
        await output.write(`${await formatAlertTable(latestEvents(episodes.values()))}\n`);
        const left = copies === 0 ? '' : `, of which ${formatCount(copies)} are copies and count once`;
        process.stderr.write(`${formatCount(frames)} packets${left}\n`);
      }
      return exitCode === 0 && settings.failOnAlert && alertCount > 0 ? EXIT_ALERT : exitCode;
    },
  });
}
