/** `--format` and `--json`, spelled and meaning the same in every command that has more than one way to print its result. */
import { Failure } from '../../runtime/process/failure.js';

/** `--json` for a command whose `--format` has it. */
export const jsonOption = {
  json: { kind: 'boolean', env: null, default: false, help: 'short for --format json' },
} as const;

/** `--format text|json`, with what JSON is of this command. */
export function textOrJson<const Help extends string>(help: Help) {
  return {
    format: { kind: 'string', env: null, default: 'text', choices: ['text', 'json'], help },
    ...jsonOption,
  } as const;
}

/** @throws Failure `CONFIGURATION` when both are given and differ. */
export function chosenFormat<Format extends string>(
  { format, json }: { readonly format: Format; readonly json: boolean },
  fallback: Format,
): Format | 'json' {
  if (!json) return format;
  if (format !== fallback && format !== 'json')
    throw new Failure('CONFIGURATION', `--json and --format ${format}: give one of the two`);
  return 'json';
}
