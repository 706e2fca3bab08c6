import { apiOptions, createApi } from '../../../api/server.js';
import { postgresOptions } from '../../../runtime/postgres/client.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import type { Command } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { runPart } from '../part.js';

export const apiCommandOptions = { ...apiOptions, ...postgresOptions, ...metricsOptions };

/** `nta api`: the REST API and the dashboard. */
export function apiCommand(): Command {
  return defineCommand({
    name: 'api',
    options: apiCommandOptions,
    run: async ({ settings, log }) => {
      const registry = createRegistry();
      return runPart([new MetricsServer(registry, settings), createApi(settings, log, registry)], log);
    },
  });
}
