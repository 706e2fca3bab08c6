/**
 * Configuration: one table of options a process gives the type of its settings, the flags, the environment variables,
 * `--help` and the tables of deploy/README.md. Flag beats environment beats default. Every error is reported at once, before
 * anything connects.
 */
import { Command, CommanderError, Option } from 'commander';
import { isServiceLink, NO_NOTICES, type Notices, readSecretSetting, secretFileVariable } from './environment.js';
import { Failure } from './failure.js';

interface OptionBase {
  /** Environment variable, or null when there is none. */
  readonly env: string | null;
  readonly help: string;
  /** Never printed with its value, neither in `--help` nor in an error. */
  readonly secret?: boolean;
  /** Shown for the default where that depends on the machine: "the host name". */
  readonly defaultText?: string;
  /** Placeholder in `--help`: `<address>`. */
  readonly placeholder?: string;
}

interface StringOption extends OptionBase {
  readonly kind: 'string';
  readonly default: string;
  /** Allowed values; any when absent. */
  readonly choices?: readonly string[];
  /** What the value must look like, with the words for the error: "must be …". */
  readonly pattern?: { readonly test: RegExp; readonly description: string };
}

interface ListOption extends OptionBase {
  readonly kind: 'list';
  readonly default: readonly string[];
  /** Items may contain commas (file names), so only repeating the flag separates them. */
  readonly verbatim?: boolean;
}

interface BooleanOption extends OptionBase {
  readonly kind: 'boolean';
  readonly default: boolean;
}

/** A whole number within limits. `duration` takes 500ms 10s 5m 2h 7d and gives milliseconds; `size` takes 64k 512M 2G and gives bytes. */
interface NumberOption extends OptionBase {
  readonly kind: 'integer' | 'duration' | 'size';
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
  /** For integers: what one of them is, "days". */
  readonly unit?: string;
}

export type OptionDefinition = StringOption | ListOption | BooleanOption | NumberOption;

/** Keys are the settings' names in camelCase; the flag is the key in kebab-case. */
export type OptionTable = Readonly<Record<string, OptionDefinition>>;

type ValueOf<D extends OptionDefinition> = D extends { kind: 'string'; choices: readonly (infer C)[] }
  ? C
  : D extends StringOption
    ? string
    : D extends ListOption
      ? readonly string[]
      : D extends BooleanOption
        ? boolean
        : number;

/** The settings that a table describes. */
export type Settings<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** Keeps the literal types of a table. */
export function defineOptions<const T extends OptionTable>(table: T): T {
  return table;
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** Milliseconds of "500ms", "10s", "5m", "2h", "7d"; null when it is none of these. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/i.exec(text.trim());
  return match ? Math.round(Number(match[1]) * DURATION_UNITS[match[2]!.toLowerCase()]!) : null;
}

/** Bytes of "65536", "64k", "512M", "2GB", "2GiB"; powers of 1024. Null when it is none of these. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([bkmgt])(?:i?b)?)?$/i.exec(text.trim());
  return match ? Math.round(Number(match[1]) * SIZE_UNITS[(match[2] ?? '').toLowerCase()]!) : null;
}

export function formatDuration(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (milliseconds !== 0 && milliseconds % DURATION_UNITS[unit]! === 0)
      return `${milliseconds / DURATION_UNITS[unit]!}${unit}`;
  }
  return `${milliseconds}ms`;
}

export function formatSize(bytes: number): string {
  for (const unit of ['t', 'g', 'm', 'k'] as const) {
    if (bytes !== 0 && bytes % SIZE_UNITS[unit]! === 0) return `${bytes / SIZE_UNITS[unit]!}${unit.toUpperCase()}`;
  }
  return `${bytes}`;
}

export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The default as a user would type it. */
export function formatDefault(definition: OptionDefinition): string {
  if (definition.defaultText !== undefined) return definition.defaultText;
  switch (definition.kind) {
    case 'duration':
      return formatDuration(definition.default);
    case 'size':
      return formatSize(definition.default);
    case 'list':
      return definition.default.join(',');
    default:
      return String(definition.default);
  }
}

/** Reads one value; a string result that starts with "must" is the reason it was refused. */
function readValue(definition: OptionDefinition, text: string): { value: unknown } | { refused: string } {
  switch (definition.kind) {
    case 'string':
      if (definition.choices && !definition.choices.includes(text)) {
        return { refused: `must be one of ${definition.choices.join(', ')}` };
      }
      if (definition.pattern && text !== definition.default && !definition.pattern.test.test(text)) {
        return { refused: `must be ${definition.pattern.description}` };
      }
      return { value: text };
    case 'list':
      return {
        value: text
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== ''),
      };
    case 'boolean':
      if (/^(true|yes|on|1)$/i.test(text)) return { value: true };
      if (/^(false|no|off|0)$/i.test(text)) return { value: false };
      return { refused: 'must be true or false' };
    default:
      return readNumber(definition, text);
  }
}

function readNumber(definition: NumberOption, text: string): { value: number } | { refused: string } {
  const { kind, minimum, maximum } = definition;
  const format = kind === 'duration' ? formatDuration : kind === 'size' ? formatSize : String;
  const range = `from ${format(minimum)} to ${format(maximum)}`;
  const expected =
    kind === 'duration'
      ? `a duration ${range}, such as 500ms, 10s, 5m, 2h or 7d`
      : kind === 'size'
        ? `a size ${range}, such as 64k, 512M or 2G`
        : `a whole number${definition.unit ? ` of ${definition.unit}` : ''} ${range}`;
  const value =
    kind === 'duration'
      ? parseDuration(text)
      : kind === 'size'
        ? parseSize(text)
        : /^-?\d+$/.test(text)
          ? Number(text)
          : null;
  if (value === null || value < minimum || value > maximum) return { refused: `must be ${expected}` };
  return { value };
}

/**
 * Adds the table's flags to a command. A boolean that defaults to true gets a `--no-…` flag. A list takes all the words after
 * its flag, as a shell makes them of `--read *.pcap`; of a command that has arguments (declared before) it takes one, lest it
 * take them too: there the flag is repeated.
 */
export function addOptions(command: Command, table: OptionTable): void {
  const hasArguments = command.registeredArguments.length > 0;
  for (const [key, definition] of Object.entries(table)) {
    const flag = flagOf(key);
    const notes = [
      definition.kind === 'string' && definition.choices ? `one of ${definition.choices.join(', ')}` : '',
      !definition.secret && definition.kind !== 'boolean' && formatDefault(definition) !== ''
        ? `default ${formatDefault(definition)}`
        : '',
      definition.env === null ? '' : `env ${variablesOf(definition).join(' or ')}`,
    ].filter((note) => note !== '');
    const help = notes.length === 0 ? definition.help : `${definition.help} (${notes.join('; ')})`;
    if (definition.kind === 'boolean') {
      command.addOption(new Option(flag, definition.default ? `${help}; on unless --no-… is given` : help));
      command.addOption(new Option(flag.replace('--', '--no-')).hideHelp(!definition.default));
    } else if (definition.kind === 'list') {
      const placeholder = definition.placeholder ?? `<${key}>`;
      command.addOption(
        new Option(`${flag} ${hasArguments ? placeholder : placeholder.replace('>', '...>')}`, help).argParser(
          (text: string, all: string[] | undefined) => [...(all ?? []), text],
        ),
      );
    } else {
      command.addOption(
        new Option(
          `${flag} ${definition.placeholder ?? `<${'unit' in definition && definition.unit ? definition.unit : definition.kind}>`}`,
          help,
        ),
      );
    }
  }
}

/** The environment variables of an option; a secret may also stand in a file that `NAME_FILE` names. */
export function variablesOf({ env, secret }: OptionDefinition): string[] {
  if (env === null) return [];
  return secret ? [env, secretFileVariable(env)] : [env];
}

/**
 * Settings from what the command parsed and the environment.
 *
 * @param notices told of what was set and is not used.
 * @throws Failure `CONFIGURATION` whose message lists every refused setting, a line each.
 */
export function readSettings<const T extends OptionTable>(
  table: T,
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  notices: Notices = NO_NOTICES,
): Settings<T> {
  const settings: Record<string, unknown> = {};
  const refusals: string[] = [];
  for (const [key, definition] of Object.entries(table)) {
    const given = flags[key];
    const found = given === undefined ? readEnvironment(definition, table, environment, notices) : {};
    if (found.refused !== undefined) {
      refusals.push(found.refused);
      continue;
    }
    const fromEnvironment = found.text;
    if (typeof given === 'boolean') {
      settings[key] = given;
      continue;
    }
    if (definition.kind === 'list' && definition.verbatim && Array.isArray(given)) {
      settings[key] = given;
      continue;
    }
    const text = given !== undefined ? (Array.isArray(given) ? given.join(',') : String(given)) : fromEnvironment;
    if (text === undefined || (text === '' && given === undefined)) {
      settings[key] = definition.default;
      continue;
    }
    const result = readValue(definition, text);
    if ('value' in result) {
      settings[key] = result.value;
    } else {
      const where = given !== undefined ? flagOf(key) : definition.env;
      refusals.push(`${where}: ${definition.secret ? 'its value' : JSON.stringify(text)} ${result.refused}`);
    }
  }
  if (refusals.length > 0) throw new Failure('CONFIGURATION', refusals.join('\n'));
  return settings as Settings<T>;
}

/** What the environment says of an option: its variable, the file of a secret, nothing, or why it is refused. */
function readEnvironment(
  definition: OptionDefinition,
  table: OptionTable,
  environment: Readonly<Record<string, string | undefined>>,
  notices: Notices,
): { readonly text?: string; readonly refused?: string } {
  const { env, kind } = definition;
  if (env === null) return {};
  const text = environment[env];
  // An option of its own may have the file already, and rules for it.
  const fileIsAnOption = Object.values(table).some((other) => other.env === secretFileVariable(env));
  if (definition.secret && !fileIsAnOption) return readSecretSetting(env, environment);
  if (kind === 'integer' && text !== undefined && isServiceLink(env, text)) {
    notices(`${env}=${text} is a service link that Kubernetes or Docker has set, no setting: it is left out`);
    return {};
  }
  return text === undefined ? {} : { text };
}

/** The arguments that give these settings on a command line, leaving out defaults and secrets (those travel by environment). */
export function toArguments(table: OptionTable, settings: object): string[] {
  const given: string[] = [];
  for (const [key, definition] of Object.entries(table)) {
    const value = (settings as Readonly<Record<string, unknown>>)[key];
    if (value === undefined || definition.secret) continue;
    if (definition.kind === 'boolean') {
      if (value !== definition.default) given.push(value ? flagOf(key) : flagOf(key).replace('--', '--no-'));
    } else if (definition.kind === 'list') {
      for (const item of value as readonly string[]) given.push(`${flagOf(key)}=${item}`);
    } else if (value !== definition.default) {
      given.push(`${flagOf(key)}=${definition.kind === 'duration' ? `${value}ms` : value}`);
    }
  }
  return given;
}

export { Command, CommanderError };
