import Table from 'cli-table3';
import { listInterfaces } from '../../../producers/live/interfaces.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { chosenFormat, textOrJson } from '../output-format.js';

const interfacesOptions = defineOptions(textOrJson('json is a JSON array'));

/** `nta interfaces`: what can be captured on, and whether this user may. */
export function interfacesCommand(): Command {
  return defineCommand({
    name: 'interfaces',
    options: interfacesOptions,
    run: async ({ settings, output }) => {
      const interfaces = await listInterfaces();
      if (chosenFormat(settings, 'text') === 'json') {
        await output.write(`${JSON.stringify(interfaces, null, 2)}\n`);
        return 0;
      }
      const table = new Table({
        head: ['interface', 'state', 'link type', 'addresses', 'capture'],
        style: { head: [], border: [] },
      });
      for (const item of interfaces) {
        table.push([
          item.name,
          item.state,
          item.linkType,
          item.addresses.join('\n'),
          item.capture.allowed ? 'allowed' : item.capture.reason,
        ]);
      }
      await output.write(`${table.toString()}\n`);
      return 0;
    },
  });
}
