import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Failure, messageOf } from '../../../runtime/failure.js';
import { type Command, defineOptions } from '../../../runtime/options.js';
import { postgresOptions } from '../../../runtime/postgres.js';
import { exportOptions, exportRows } from '../../../sinks/export.js';
import { formatCount } from '../balance.js';
import { defineCommand } from '../command.js';
import { dataDirOption, withLocalPostgres } from '../local-postgres.js';

const outputOption = defineOptions({
  output: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<file>',
    help: 'file to write; standard output when empty',
  },
});

/** `nta export`: rows out of Postgres. */
export function exportCommand(): Command {
  return defineCommand({
    name: 'export',
    summary: 'write stored packets or alerts as CSV, JSON lines or pcap: nta export packets',
    description: [
      'Examples:',
      '  nta export packets --source 10.0.0.0/8 --format pcap --output scan.pcap',
      '  nta export alerts --from 2026-01-01T00:00:00Z --format json',
    ].join('\n'),
    arguments: '<packets|alerts>',
    options: { ...exportOptions, ...outputOption, ...postgresOptions, ...dataDirOption },
    run: async ({ settings, arguments: [what] }) => {
      if (what !== 'packets' && what !== 'alerts') {
        throw new Failure('CONFIGURATION', `nta export ${what}: there is no such table; use packets or alerts`);
      }
      const located = withLocalPostgres(settings);
      const output: Writable = settings.output === '' ? process.stdout : await openOutput(settings.output);
      const progress = process.stderr.isTTY
        ? (rows: number): void => void process.stderr.write(`\r${formatCount(rows)} ${what}`)
        : () => undefined;
      const rows = await exportRows(located, what, output, progress);
      if (output !== process.stdout) {
        output.end();
        await finished(output);
      }
      process.stderr.write(`${process.stderr.isTTY ? '\r' : ''}${formatCount(rows)} ${what}\n`);
      return 0;
    },
  });
}

async function openOutput(file: string): Promise<Writable> {
  const stream = createWriteStream(file);
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new Failure('OUTPUT', `--output ${file}: ${messageOf(error)}; name a file that this user may write`, {
      cause: error,
    });
  }
  return stream;
}
