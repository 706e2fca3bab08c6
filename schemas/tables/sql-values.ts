/** Values in the text of one SQL statement, and conditions that are made with them. */
import pg from 'pg';

export interface SqlValues {
  /** What stands for the value in the text, of a type of Postgres: `inet`, `text[]`. */
  add(value: unknown, type: string): string;
}

/** Every value from a request travels through here, so none is ever part of the SQL text. */
export class QueryParameters implements SqlValues {
  readonly values: unknown[] = [];

  /** The placeholder of a value: `$3::inet`. */
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** For COPY and cursors, which take no parameters: values as literals of their type. */
export class QuotedValues implements SqlValues {
  add(value: unknown, type: string): string {
    return Array.isArray(value)
      ? `ARRAY[${value.map((item) => pg.escapeLiteral(String(item))).join(', ')}]::${type}`
      : `${pg.escapeLiteral(String(value))}::${type}`;
  }
}

/** A condition of a WHERE clause, made once the values of the statement have a place. */
export type Condition = (values: SqlValues) => string;

/** Of at least one. */
export function anyOf(conditions: readonly Condition[]): Condition {
  return (values) => conditions.map((condition) => `(${condition(values)})`).join(' OR ');
}

/** A null column makes a comparison neither true nor false; what has no port is "not port 80" all the same. */
export function not(condition: Condition): Condition {
  return (values) => `(${condition(values)}) IS NOT TRUE`;
}

export function allOf(conditions: readonly Condition[]): Condition {
  return (values) =>
    conditions.length === 0 ? 'true' : conditions.map((condition) => `(${condition(values)})`).join(' AND ');
}
