import { kafkaOptions } from '../../../runtime/kafka/client.js';
import { postgresOptions } from '../../../runtime/postgres/client.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { examine } from '../examination.js';
import { dataDirOption } from '../local-postgres.js';
import { chosenFormat, textOrJson } from '../output-format.js';

const doctorOptions = defineOptions({
  apiPort: {
    kind: 'integer',
    env: 'NTA_API_PORT',
    default: 5000,
    minimum: 0,
    maximum: 65_535,
    unit: 'port',
    help: 'port that the dashboard would use',
  },
  ...textOrJson('json is a JSON array of the findings'),
});

/** `nta doctor`: every prerequisite, and how to mend what is missing. */
export function doctorCommand(): Command {
  return defineCommand({
    name: 'doctor',
    description: 'Exit code 0 when everything that `nta run` needs is there, 1 otherwise.',
    options: { ...dataDirOption, ...doctorOptions, ...kafkaOptions, ...postgresOptions },
    run: async ({ settings, log, output }) => {
      const findings = await examine(settings, log);
      if (chosenFormat(settings, 'text') === 'json') {
        await output.write(`${JSON.stringify(findings, null, 2)}\n`);
      } else {
        for (const finding of findings) {
          const mark = finding.ok ? 'ok     ' : finding.required ? 'MISSING' : 'absent ';
          await output.write(`${mark} ${finding.name}: ${finding.detail}\n`);
          if (!finding.ok && finding.remedy !== '') await output.write(`        → ${finding.remedy}\n`);
        }
      }
      return findings.some((finding) => finding.required && !finding.ok) ? 1 : 0;
    },
  });
}
