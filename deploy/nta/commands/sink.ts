import { kafkaOptions } from '../../../runtime/kafka/client.js';
import { postgresOptions } from '../../../runtime/postgres/client.js';
import { Failure } from '../../../runtime/process/failure.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import type { Command } from '../../../runtime/process/options.js';
import type { TopicId } from '../../../schemas/topics.js';
import { createWebhookSink, webhookOptions } from '../../../sinks/deliveries/webhook/webhook-sink.js';
import { sinkOptions } from '../../../sinks/options.js';
import { createPostgresSink } from '../../../sinks/postgres-sink.js';
import { defineCommand } from '../command.js';
import { runPart } from '../part.js';
import { SetupWait, setupWaitOptions, tablesAreThere, topicsAreThere } from '../setup-wait.js';

const SINKS = ['postgres', 'webhook'];

export const postgresSinkOptions = {
  ...sinkOptions,
  ...kafkaOptions,
  ...postgresOptions,
  ...metricsOptions,
  ...setupWaitOptions,
};
export const webhookSinkOptions = { ...webhookOptions, ...kafkaOptions, ...metricsOptions, ...setupWaitOptions };
export const sinkCommandOptions = { ...postgresSinkOptions, ...webhookSinkOptions };

/** `nta sink postgres`: packets, alerts and capture nodes into Postgres. `nta sink webhook`: alerts to a webhook. */
export function sinkCommand(): Command {
  return defineCommand({
    name: 'sink',
    arguments: '<name>',
    options: sinkCommandOptions,
    run: async ({ settings, arguments: [name], log }) => {
      if (!SINKS.includes(name!))
        throw new Failure('CONFIGURATION', `sink "${name}": there is no such sink; use one of ${SINKS.join(', ')}`);
      const registry = createRegistry();
      const sink =
        name === 'webhook' ? createWebhookSink(settings, log, registry) : createPostgresSink(settings, log, registry);
      const topics: readonly TopicId[] =
        name === 'webhook'
          ? ['alerts', 'alertsDeadLetter']
          : ['packets', 'alerts', 'captureNodes', 'packetsDeadLetter'];
      const tables = name === 'webhook' ? [] : [tablesAreThere(settings)];
      const wait = new SetupWait(settings, [topicsAreThere(settings, topics, log), ...tables], log);
      const readiness = () => wait.readiness() ?? sink.readiness();
      return runPart([new MetricsServer(registry, settings, readiness), wait, sink], log);
    },
  });
}
