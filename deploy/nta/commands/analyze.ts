import { detectionOptions } from '../../../processors/rules/detection-options.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { formatCount } from '../balance.js';
import { analyzeCaptures, captureReadingOptions, detectionSettings } from '../capture-analysis.js';
import { defineCommand, printRefusal } from '../command.js';
import { DetectionThread } from '../detection-thread.js';
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
  ...captureReadingOptions,
});

const EXIT_ALERT = 3;

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
      const { ConversationLines } = await import('../conversation-lines.js');
      const lines = settings.conversations === '' ? null : new ConversationLines(settings.conversations);
      const { frames, copies, failures, detectors } = await analyzeCaptures(
        files,
        settings,
        detection,
        (conversations) => lines?.add(conversations),
      );
      for (const failure of failures) printRefusal(failure);
      let exitCode = failures.length > 0 ? 1 : 0;
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
