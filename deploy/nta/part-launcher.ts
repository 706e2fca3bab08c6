/** Starts the parts of a run with the settings that each knows, and stops them in reverse order. */
import { type Logger, logOptions } from '../../runtime/process/log.js';
import { type OptionTable, toArguments, variablesOf } from '../../runtime/process/options.js';
import { ALERT_OUTPUTS } from '../../sinks/deliveries/catalogue.js';
import { PartProcess } from './part-process.js';

/** Each part serves its metrics on a port of its own: `--metrics-port`, and so many above it. */
const METRICS_PORT_OFFSETS: Readonly<Record<string, number>> = {
  capture: 0,
  process: 1,
  sink: 2,
  api: 3,
  webhook: 4,
  cleanup: 5,
  ...Object.fromEntries(ALERT_OUTPUTS.slice(1).map(({ name }, index) => [name, 6 + index])),
  hunt: 5 + ALERT_OUTPUTS.length,
};

export interface LaunchOptions {
  readonly table: OptionTable;
  readonly settings: { readonly metricsPort: number; readonly [name: string]: unknown };
  /** The sub-command, where the part is not named by it. */
  readonly command?: string;
  /** Arguments before the settings: the sink's name, flags of the command alone. */
  readonly extra?: readonly string[];
  readonly finite?: boolean;
}

export class PartLauncher {
  private readonly parts: PartProcess[] = [];
  /** Ports of /metrics, by part. */
  readonly metricsPorts = new Map<string, number>();

  constructor(private readonly log: Logger) {}

  /** Resolves when the part is ready. @throws Failure with its reason when it does not start. */
  async launch(
    name: string,
    { table, settings, command = name, extra = [], finite = false }: LaunchOptions,
  ): Promise<PartProcess> {
    const metricsPort = settings.metricsPort === 0 ? 0 : settings.metricsPort + (METRICS_PORT_OFFSETS[name] ?? 0);
    if (metricsPort !== 0 && 'metricsPort' in table) this.metricsPorts.set(name, metricsPort);
    const known = { ...table, ...logOptions };
    const own = { ...settings, metricsPort };
    const part = new PartProcess(
      {
        name,
        arguments: [command, ...extra, ...toArguments(known, own)],
        environment: partEnvironment(known, own),
        finite,
      },
      this.log,
    );
    this.parts.push(part);
    await part.start();
    return part;
  }

  async stop(onStopped: (name: string) => void): Promise<void> {
    for (const part of this.parts.reverse()) {
      await part.stop();
      onStopped(part.name);
    }
  }
}

/**
 * Secrets travel by environment, which other users cannot see. Of the other variables none may speak for a setting that is
 * decided already: a flag that gives the default is not repeated on the part's command line.
 */
export function partEnvironment(table: OptionTable, settings: object): Record<string, string | undefined> {
  const environment: Record<string, string | undefined> = {};
  for (const [key, definition] of Object.entries(table)) {
    const value = (settings as Record<string, unknown>)[key];
    if (definition.env === null || value === undefined) continue;
    for (const variable of variablesOf(definition)) environment[variable] = undefined;
    if (definition.secret && value !== '') environment[definition.env] = String(value);
  }
  return environment;
}
