import { processOptions } from '../../../processors/process-options.js';
import { checkDetectionConfig, createProcessor } from '../../../processors/processor.js';
import { kafkaOptions } from '../../../runtime/kafka/client.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import { type Command, defineOptions } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { runPart } from '../part.js';
import { SetupWait, setupWaitOptions, topicsAreThere } from '../setup-wait.js';

const checkOption = defineOptions({
  checkConfig: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'only check the file of --detection-config, and exit',
  },
});

export const processCommandOptions = { ...processOptions, ...kafkaOptions, ...metricsOptions, ...setupWaitOptions };

/** `nta process`: one or more members of the processor group. */
export function processCommand(): Command {
  return defineCommand({
    name: 'process',
    options: { ...processCommandOptions, ...checkOption },
    run: async ({ settings, log, output }) => {
      if (settings.checkConfig) {
        await checkDetectionConfig(settings);
        await output.write(`${settings.detectionConfig}: valid\n`);
        return 0;
      }
      const registry = createRegistry();
      const processor = createProcessor(settings, log, registry);
      const topics = ['packets', 'alerts', 'alertEpisodes', 'packetsDeadLetter', 'rules'] as const;
      const wait = new SetupWait(settings, [topicsAreThere(settings, topics, log)], log);
      const readiness = () => wait.readiness() ?? processor.readiness();
      return runPart([new MetricsServer(registry, settings, readiness), wait, processor], log);
    },
  });
}
