/**
 * What an export selects beside its time: conditions as `field=value`, in the fields and the words of the API, all of which
 * must hold. Some fields have a flag of their own.
 */
import { Failure } from '../../runtime/process/failure.js';
import { fieldValues, Refusal } from '../../schemas/tables/field-values.js';
import { nearestName } from '../../schemas/tables/nearest.js';
import { SearchError } from '../../schemas/tables/search-language.js';

/** A condition as it was given. */
export interface FieldText {
  /** For messages: `--filter`, or the field's own flag. */
  readonly flag: string;
  readonly field: string;
  readonly text: string;
}

/** @throws Failure `EXPORT_FILTER` for what is no condition, and for a field that is given twice. */
export function fieldTexts(filter: readonly string[], flags: Readonly<Record<string, string>>): readonly FieldText[] {
  const texts: FieldText[] = [];
  for (const [field, text] of Object.entries(flags)) {
    if (text !== '') texts.push({ flag: `--${field}`, field, text });
  }
  for (const condition of filter) {
    const [, field, text] = /^\s*([a-z_]+)\s*=(.*)$/s.exec(condition) ?? [];
    if (field === undefined || text === undefined) {
      throw refusal('--filter', `"${condition}" is no condition; give one such as source=192.0.2.0/24`);
    }
    if (texts.some((other) => other.field === field))
      throw refusal('--filter', `${field} is given twice; separate values by commas`);
    texts.push({ flag: '--filter', field, text });
  }
  return texts;
}

/**
 * Reads conditions by a table of fields.
 *
 * @param names that conditions may have, and the field that each means.
 * @param parse throws a Refusal for a value that the field does not take.
 * @throws Failure `EXPORT_FILTER` for an unknown field and for a value that was refused.
 */
export function parseFields<Field extends string, Condition>(
  texts: readonly FieldText[],
  names: Readonly<Record<string, Field>>,
  what: string,
  parse: (name: Field, values: readonly string[]) => Condition,
): Condition[] {
  return texts.map(({ flag, field, text }) => {
    const name = Object.hasOwn(names, field) ? names[field] : undefined;
    if (name === undefined) {
      const nearest = nearestName(field, Object.keys(names));
      const known = [...new Set(Object.values(names))].join(', ');
      throw refusal(
        flag,
        `${what} have no ${field} to select by; ${nearest ? `did you mean ${nearest}?` : `known are ${known}`}`,
      );
    }
    try {
      return parse(name, fieldValues(text));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw refusal(flag, flag === '--filter' ? `${field}: ${error.message}` : error.message);
    }
  });
}

/**
 * A search as a condition, or none where it is empty.
 *
 * @throws Failure `EXPORT_FILTER`
 */
export function readSearch<Condition>(search: string, read: (text: string) => Condition): Condition[] {
  if (search.trim() === '') return [];
  try {
    return [read(search)];
  } catch (error) {
    if (!(error instanceof SearchError)) throw error;
    throw refusal('--search', `at character ${error.at + 1}: ${error.message}`);
  }
}

function refusal(flag: string, reason: string): Failure {
  return new Failure('EXPORT_FILTER', `${flag}: ${reason}`);
}
