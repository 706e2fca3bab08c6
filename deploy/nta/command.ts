/**
 * How a sub-command of `nta` is described and run: its table of options, its arguments, and an action that gets the
 * settings, a log and resolves with the exit code.
 */
import { asFailure, Failure } from '../../runtime/process/failure.js';
import { createLog, type Logger, type LogLevel, logOptions } from '../../runtime/process/log.js';
import { addOptions, Command, type OptionTable, readSettings, type Settings } from '../../runtime/process/options.js';
import {
  EXIT_READER_GONE,
  READER_GONE,
  type StandardOutput,
  standardOutput,
  taken,
} from '../../runtime/process/standard-output.js';

export interface CommandContext<T extends OptionTable> {
  readonly settings: Settings<T>;
  /** Positional arguments. */
  readonly arguments: readonly string[];
  /** Where the result goes. */
  readonly output: StandardOutput;
  /** Made at first use. */
  readonly log: Logger;
}

interface CommandDefinition<T extends OptionTable> {
  readonly name: string;
  /** More for `--help`, below the options: examples, exit codes. */
  readonly description?: string;
  /** As commander writes them: `<file...>`, `[name]`. */
  readonly arguments?: string;
  readonly options: T;
  run(context: CommandContext<T>): Promise<number>;
}

/** Help is a result too: of `nta run --help > /dev/full` nobody should believe that it was written. */
export const COMMAND_OUTPUT = {
  writeOut: (text: string): void => {
    standardOutput().stream.write(text);
  },
};

/** The exit code of a command that did not do what it was asked to. */
export const EXIT_FAILED = 1;
/** The exit code of a command line or a setting that was refused, before anything was done. */
export const EXIT_USAGE = 2;

/** Every line of a refusal says who speaks, so that it can be told apart in a pipeline's output. */
export function printRefusal(message: string): void {
  for (const line of message.split('\n')) process.stderr.write(`nta: ${line}\n`);
}

/**
 * Waits until all that was printed has been taken, which may be as long as a reader takes, and sets the exit code when it
 * cannot be.
 */
export async function finishOutput(): Promise<void> {
  try {
    await standardOutput().finish();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code !== READER_GONE) printRefusal(error.message);
    process.exitCode = error.code === READER_GONE ? EXIT_READER_GONE : EXIT_FAILED;
  }
  await taken(process.stderr);
}

/** Codes of failures that say of what was asked for, not of the world, why it cannot be. */
const REFUSALS: ReadonlySet<string> = new Set([
  'CONFIGURATION',
  'EXPORT_FILTER',
  'EXPORT_FORMAT',
  'PACKET_FILTER',
  'DETECTOR',
  'THREAT_INTEL',
]);

/** Says what ended the command, and gives its exit code. A mendable failure is one line; a defect keeps its stack. */
export function reportFailure(error: unknown): number {
  const failure = asFailure(error);
  if (failure !== undefined) printRefusal(failure.message);
  else
    printRefusal(`a defect of nta itself, please report it: ${error instanceof Error ? error.stack : String(error)}`);
  return failure !== undefined && REFUSALS.has(failure.code) ? EXIT_USAGE : EXIT_FAILED;
}

/** Builds the commander command; the process's exit code is set when its action ends. */
export function defineCommand<const T extends OptionTable>(definition: CommandDefinition<T>): Command {
  const command = new Command(definition.name).configureOutput(COMMAND_OUTPUT);
  if (definition.arguments) command.argument(definition.arguments);
  else command.allowExcessArguments(false);
  const table = { ...definition.options, ...logOptions };
  addOptions(command, table);
  command.showSuggestionAfterError(true);
  if (definition.description) command.addHelpText('after', `\n${definition.description}`);
  command.action(async () => {
    let settings: Settings<T> & Settings<typeof logOptions>;
    const notices: string[] = [];
    try {
      settings = readSettings(table, command.opts(), process.env, (notice) => notices.push(notice)) as typeof settings;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      printRefusal(error.message);
      process.exitCode = EXIT_USAGE;
      return;
    }
    let log: Logger | undefined;
    const context: CommandContext<T> = {
      settings,
      arguments: command.processedArgs.flat() as string[],
      output: standardOutput(),
      get log() {
        log ??= createLog({ level: settings.logLevel as LogLevel, file: settings.logFile, part: definition.name });
        return log;
      },
    };
    try {
      for (const notice of notices) context.log.warn(notice);
      process.exitCode = await definition.run(context);
    } catch (error) {
      if (standardOutput().failed) return; // finishOutput says it
      process.exitCode = reportFailure(error);
    }
  });
  return command;
}

/** A capture as messages name it. */
export function describeFile(path: string): string {
  return path === '-' ? 'standard input' : path;
}
