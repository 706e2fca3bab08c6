/**
 * Texts of strangers in CSV. A spreadsheet takes a field that begins with one of these characters for a formula and runs it
 * (OWASP, CSV Injection); an apostrophe in front makes it a text, which is how the spreadsheets write that themselves.
 */
const FORMULA_START = "'^[-=+@\\t\\r]'";

/** The expression of a text column that is safe to open. */
export function guardedText(column: string): string {
  return `CASE WHEN ${column} ~ ${FORMULA_START} THEN '''' || ${column} ELSE ${column} END AS ${column}`;
}
