import { kafkaOptions } from '../../../runtime/kafka/client.js';
import { postgresOptions } from '../../../runtime/postgres/client.js';
import { Failure } from '../../../runtime/process/failure.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import type { Command, OptionTable } from '../../../runtime/process/options.js';
import type { TopicId } from '../../../schemas/topics.js';
import { ALERT_OUTPUTS } from '../../../sinks/deliveries/catalogue.js';
import { outputOptions } from '../../../sinks/deliveries/delivery-options.js';
import { createDeliverySink } from '../../../sinks/deliveries/delivery-sink.js';
import type { AlertOutput } from '../../../sinks/deliveries/output.js';
import { sinkOptions } from '../../../sinks/options.js';
import { createPostgresSink } from '../../../sinks/postgres-sink.js';
import { defineCommand } from '../command.js';
import { runPart } from '../part.js';
import { SetupWait, setupWaitOptions, tablesAreThere, topicsAreThere } from '../setup-wait.js';

export const postgresSinkOptions = {
  ...sinkOptions,
  ...kafkaOptions,
  ...postgresOptions,
  ...metricsOptions,
  ...setupWaitOptions,
};

/** Everything that the sink of an output can be told. */
export function deliverySinkOptions(output: AlertOutput): OptionTable {
  return { ...outputOptions(output), ...kafkaOptions, ...metricsOptions, ...setupWaitOptions };
}

export const sinkCommandOptions: typeof postgresSinkOptions = Object.assign(
  {},
  ...ALERT_OUTPUTS.map(outputOptions),
  postgresSinkOptions,
);

const SINKS = ['postgres', ...ALERT_OUTPUTS.map(({ name }) => name)];

/** `nta sink postgres`: packets, alerts and capture nodes into Postgres. `nta sink webhook` and others: alerts to somebody else. */
export function sinkCommand(): Command {
  return defineCommand({
    name: 'sink',
    arguments: '<name>',
    description: [
      'Sinks:',
      '  postgres  store packets, alerts, capture nodes and rules',
      ...ALERT_OUTPUTS.map(({ name, summary }) => `  ${name.padEnd(8)}  ${summary}`),
    ].join('\n'),
    options: sinkCommandOptions,
    run: async ({ settings, arguments: [name], log }) => {
      if (!SINKS.includes(name!))
        throw new Failure('CONFIGURATION', `sink "${name}": there is no such sink; use one of ${SINKS.join(', ')}`);
      const registry = createRegistry();
      const output = ALERT_OUTPUTS.find((candidate) => candidate.name === name);
      const sink =
        output === undefined
          ? createPostgresSink(settings, log, registry)
          : createDeliverySink(output, settings, log, registry);
      const topics: readonly TopicId[] =
        output === undefined
          ? ['packets', 'alerts', 'captureNodes', 'rules', 'packetsDeadLetter']
          : ['alerts', 'alertsDeadLetter'];
      const tables = output === undefined ? [tablesAreThere(settings)] : [];
      const wait = new SetupWait(settings, [topicsAreThere(settings, topics, log), ...tables], log);
      const readiness = () => wait.readiness() ?? sink.readiness();
      return runPart([new MetricsServer(registry, settings, readiness), wait, sink], log);
    },
  });
}
