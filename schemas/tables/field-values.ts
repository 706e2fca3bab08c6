/** Values of the fields that rows are filtered by: how they are written, how many there may be, and how one is refused. */

/** A value that a field does not take; the message completes "source: …". */
export class Refusal extends Error {}

/** Most values of one field, and characters of one value. */
const VALUES_MAX = 100;
const VALUE_LENGTH_MAX = 255;

/** @throws Refusal when there are none, too many, or one that no field takes. */
export function checkValues(values: readonly string[]): void {
  if (values.length === 0 || values.some((value) => value === ''))
    throw new Refusal('must not be empty; leave it out instead');
  if (values.length > VALUES_MAX) throw new Refusal(`must be at most ${VALUES_MAX} values`);
  if (values.some((value) => value.length > VALUE_LENGTH_MAX)) {
    throw new Refusal(`must have at most ${VALUE_LENGTH_MAX} characters a value`);
  }
  // Postgres has no text with a NUL in it.
  if (values.some((value) => value.includes('\0'))) throw new Refusal('must not contain a NUL character');
}

/** The values of a text: separated by commas. */
export function fieldValues(text: string): string[] {
  return text.split(',').map((value) => value.trim());
}
