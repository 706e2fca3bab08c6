import { apiOptions, checkApiSettings, createApi } from '../../../api/server.js';
import { kafkaOptions } from '../../../runtime/kafka/client.js';
import { postgresOptions } from '../../../runtime/postgres/client.js';
import { createRegistry, MetricsServer, metricsOptions } from '../../../runtime/process/metrics.js';
import type { Command } from '../../../runtime/process/options.js';
import { defineCommand } from '../command.js';
import { runPart } from '../part.js';
import { SetupWait, setupWaitOptions, tablesAreThere } from '../setup-wait.js';

export const apiCommandOptions = {
  ...apiOptions,
  ...postgresOptions,
  ...kafkaOptions,
  ...metricsOptions,
  ...setupWaitOptions,
};

/** `nta api`: the REST API and the dashboard. */
export function apiCommand(): Command {
  return defineCommand({
    name: 'api',
    options: apiCommandOptions,
    run: async ({ settings, log }) => {
      await checkApiSettings(settings);
      const registry = createRegistry();
      const wait = new SetupWait(settings, [tablesAreThere(settings)], log);
      const api = createApi(settings, log, registry, settings);
      const readiness = () => wait.readiness() ?? (api.url === '' ? 'starting' : null);
      return runPart([new MetricsServer(registry, settings, readiness), wait, api], log);
    },
  });
}
