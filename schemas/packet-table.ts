/** What those who query the table `packets` write as its indexes have it; Postgres uses an index for the very same words alone. */

/** The second of a time, an expression of SQL: what the indexes of addresses and services go by (sinks/migrations/0007). */
export function secondOf(time: string): string {
  return `date_bin('1 second', ${time}, '2000-01-01Z'::timestamptz)`;
}
