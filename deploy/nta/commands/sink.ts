import { Failure } from '../../../runtime/failure.js';
import { kafkaOptions } from '../../../runtime/kafka.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/metrics.js';
import type { Command } from '../../../runtime/options.js';
import { postgresOptions } from '../../../runtime/postgres.js';
import { sinkOptions } from '../../../sinks/options.js';
import { createPostgresSink } from '../../../sinks/postgres-sink.js';
import { createWebhookSink, webhookOptions } from '../../../sinks/webhook/webhook-sink.js';
import { defineCommand } from '../command.js';
import { runPart } from '../part.js';

const SINKS = ['postgres', 'webhook'];

export const postgresSinkOptions = { ...sinkOptions, ...kafkaOptions, ...postgresOptions, ...metricsOptions };
export const webhookSinkOptions = { ...webhookOptions, ...kafkaOptions, ...metricsOptions };
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
      return runPart([new MetricsServer(registry, settings, () => sink.readiness()), sink], log);
    },
  });
}
