/** Which lists can answer a search, by the fields that each knows. Pure. */
import type { SearchFields } from '../../routes/fields.js';

export type Searched = keyof SearchFields;
const LISTS: readonly Searched[] = ['alerts', 'conversations', 'packets'];

const knows = (fields: SearchFields[Searched], word: string): boolean =>
  fields.some(({ name, words }) => name === word || words.includes(word));

/** Where the API says that a search is wrong. */
interface Refusal {
  readonly input: string;
  readonly at?: number;
  readonly length?: number;
}

/** A word of a search that one list refuses because only others know it. */
export interface ForeignField {
  readonly word: string;
  readonly known: readonly Searched[];
}

/** Null where the search is wrong in another way: misspelt, or with a value that no list takes. */
export function foreignField(
  search: string,
  errors: readonly Refusal[],
  fields: SearchFields,
  list: Searched,
): ForeignField | null {
  const error = errors.find(({ input, at }) => input.endsWith('q') && at !== undefined);
  if (error?.at === undefined) return null;
  const word = search.slice(error.at, error.at + (error.length ?? 0));
  const field = word.toLowerCase().replaceAll('.', '_');
  if (knows(fields[list], field)) return null;
  const known = LISTS.filter((other) => knows(fields[other], field));
  return known.length > 0 ? { word, known } : null;
}
