import type { Command } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { chosenFormat } from '../output-format.js';
import { runPipeline } from '../pipeline.js';
import { runOptions } from '../run-settings.js';

/** `nta run`, which is `npm start`: the whole pipeline on this machine. */
export function runCommand(): Command {
  return defineCommand({
    name: 'run',
    description: [
      'Without any --enable-… all parts run; alerts are delivered to the receivers that are named (--webhook-url, --syslog-address). Without --kafka-brokers or --db-host it brings up its own under --data-dir.',
      '',
      'Examples:',
      '  npm start                                      capture on the interface of the default route',
      '  npm start -- --interface eth1 --packet-filter "not port 22"',
      '  npm start -- --read attack.pcap --once         replay a capture, print its balance and its alerts',
    ].join('\n'),
    options: runOptions,
    run: ({ settings, log, output }) =>
      runPipeline({ ...settings, json: chosenFormat(settings, 'text') === 'json' }, log, output),
  });
}
