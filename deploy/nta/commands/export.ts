import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { EXPORTED_THINGS, exportOptions, exportRows } from '../../../api/export/export.js';
import { postgresOptions } from '../../../runtime/postgres/client.js';
import { Failure } from '../../../runtime/process/failure.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { dataDirOption, withLocalPostgres } from '../local-postgres.js';
import { chosenFormat, jsonOption } from '../output-format.js';

const outputOption = defineOptions({
  ...jsonOption,
  output: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<file>',
    help: 'file to write; standard output when empty',
  },
});

/** `nta export`: packets, conversations or alerts out of the tables. */
export function exportCommand(): Command {
  return defineCommand({
    name: 'export',
    arguments: '<what>',
    options: { ...exportOptions, ...outputOption, ...postgresOptions, ...dataDirOption },
    run: async ({ settings, arguments: [what], output: standardOutput }) => {
      const thing = EXPORTED_THINGS.find((known) => known === what);
      if (thing === undefined) {
        throw new Failure(
          'CONFIGURATION',
          `export "${what}": there is no such thing to export; use packets, conversations or alerts`,
        );
      }
      const database = withLocalPostgres(settings);
      const output = settings.output === '' ? standardOutput.stream : createWriteStream(settings.output);
      const progress = (rows: number): void => {
        if (process.stderr.isTTY) process.stderr.write(`\r${rows} ${what}`);
      };
      const rows = await exportRows({ ...database, format: chosenFormat(settings, 'csv') }, thing, output, progress);
      if (settings.output !== '') {
        output.end();
        await finished(output);
      }
      process.stderr.write(`${process.stderr.isTTY ? '\r' : ''}${rows} ${what}\n`);
      return 0;
    },
  });
}
