/**
 * How a sub-command of `nta` is described and run: its table of options, its arguments, and an action that gets the
 * settings, a log and resolves with the exit code.
 */
import { Failure } from '../../runtime/process/failure.js';
import { createLog, type Logger, type LogLevel, logOptions } from '../../runtime/process/log.js';
import { addOptions, Command, type OptionTable, readSettings, type Settings } from '../../runtime/process/options.js';
import { logFailure } from '../../runtime/process/service.js';
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

/** The exit code of a command line or a configuration that was refused. */
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
    process.exitCode = error.code === READER_GONE ? EXIT_READER_GONE : 1;
  }
  await taken(process.stderr);
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
      if (error instanceof Failure) printRefusal(error.message);
      else logFailure(context.log, error);
      process.exitCode = error instanceof Failure && error.code === 'CONFIGURATION' ? EXIT_USAGE : 1;
    }
  });
  return command;
}

/** A capture as messages name it. */
export function describeFile(path: string): string {
  return path === '-' ? 'standard input' : path;
}
