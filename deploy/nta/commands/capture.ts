import { captureOptions, createCapture } from '../../../producers/capture.js';
import { kafkaOptions } from '../../../runtime/kafka/client.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import type { Command } from '../../../runtime/process/options.js';
import { formatBalance } from '../balance.js';
import { defineCommand } from '../command.js';
import { runPart, tellSupervisor } from '../part.js';
import { SetupWait, setupWaitOptions, topicsAreThere, unlessAway } from '../setup-wait.js';

export const captureCommandOptions = { ...captureOptions, ...kafkaOptions, ...metricsOptions, ...setupWaitOptions };

/** `nta capture`: one node of the capture fleet. */
export function captureCommand(): Command {
  return defineCommand({
    name: 'capture',
    description: [
      'Examples:',
      '  nta capture --interface eth0 --kafka-brokers kafka:9092',
      "  nta capture --interface any --packet-filter 'not port 9092' --kafka-brokers kafka:9092",
      '  tcpdump -w - | nta capture --read - --kafka-brokers kafka:9092',
    ].join('\n'),
    options: captureCommandOptions,
    run: async ({ settings, log }) => {
      const registry = createRegistry();
      const capture = createCapture(settings, log, registry);
      const topics = topicsAreThere(settings, ['packets', 'captureNodes'], log);
      // A node that has a spool waits for the topics of a Kafka that answers, never for Kafka: what it sees goes to the spool.
      const wait = new SetupWait(settings, [settings.spoolDir === '' ? topics : unlessAway(topics)], log);
      const readiness = () => wait.readiness() ?? capture.readiness();
      const exitCode = await runPart([new MetricsServer(registry, settings, readiness), wait, capture], log);
      const balance = capture.balance();
      tellSupervisor({ type: 'result', result: balance });
      // Of a replay that never began there is none.
      const began = exitCode === 0 || balance.seen > 0;
      if (began && settings.read.length > 0 && !process.connected) process.stderr.write(`${formatBalance(balance)}\n`);
      return exitCode;
    },
  });
}
