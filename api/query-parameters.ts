/** Values of one SQL statement. Every value from a request travels through here, so none is ever part of the SQL text. */
export class QueryParameters {
  readonly values: unknown[] = [];

  /** The placeholder of a value: `$3::inet`. */
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** A condition of a WHERE clause, made once the statement's parameters are known. */
export type Condition = (parameters: QueryParameters) => string;

export function allOf(conditions: readonly Condition[]): Condition {
  return (parameters) =>
    conditions.length === 0 ? 'true' : conditions.map((condition) => `(${condition(parameters)})`).join(' AND ');
}
