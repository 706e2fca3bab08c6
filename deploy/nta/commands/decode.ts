import { ConversationTracker } from '../../../producers/conversations/conversation-tracker.js';
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import {
  emptySummary,
  formatPacket,
  formatSummary,
  summarizeBlock,
} from '../../../producers/decoding/decode-report.js';
import { parseVlanTpids, VLAN_TPIDS_OPTION } from '../../../producers/decoding/vlan-tpids.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import type { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { defineCommand, describeFile, printRefusal } from '../command.js';
import { chosenFormat, textOrJson } from '../output-format.js';

const decodeOptions = defineOptions({
  summary: { kind: 'boolean', env: null, default: false, help: 'print counts instead of packets' },
  ...textOrJson('of --summary: json is one JSON object; packets are always JSON, one a line'),
  tunnels: {
    kind: 'string',
    env: 'NTA_TUNNELS',
    default: 'outer',
    choices: ['outer', 'inner'],
    help: 'which packet of a tunnelled one the fields show; the other stands under tunnel',
  },
  vlanTpids: VLAN_TPIDS_OPTION,
});

/** `nta decode`: what the decoders make of a capture, to hold against tshark. */
export function decodeCommand(): Command {
  return defineCommand({
    name: 'decode',
    description: [
      'Reads pcap and pcapng, also compressed; - is standard input. Exit code 1 when a file could not be read to its end.',
      '',
      'Examples:',
      "  nta decode trace.pcapng | jq 'select(.destinationPort == 53) | .application.dnsQuery'",
      '  nta decode --summary trace.pcap',
    ].join('\n'),
    arguments: '<file...>',
    options: decodeOptions,
    run: async ({ settings, arguments: files, output }) => {
      const summary = emptySummary();
      let exitCode = 0;
      for (const file of files) {
        const vlanTpids = parseVlanTpids(settings.vlanTpids);
        const options = { tunnels: settings.tunnels, vlanTpids, conversations: new ConversationTracker() };
        const consume = settings.summary
          ? (block: PacketBlock) => summarizeBlock(summary, block)
          : (block: PacketBlock, firstFrame: number) => output.write(packetLines(block, firstFrame));
        const { failure } = await decodeCapture(file, options, consume);
        if (failure !== null) {
          printRefusal(`${describeFile(file)}: ${failure.message}`);
          exitCode = 1;
        }
      }
      if (settings.summary)
        await output.write(
          `${chosenFormat(settings, 'text') === 'json' ? JSON.stringify(summary) : formatSummary(summary)}\n`,
        );
      return exitCode;
    },
  });
}

function packetLines(block: PacketBlock, firstFrame: number): string {
  let lines = '';
  for (let row = 0; row < block.count; row++) lines += `${formatPacket(block, row, firstFrame + row)}\n`;
  return lines;
}
