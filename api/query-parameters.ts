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
export interface Condition {
  (parameters: QueryParameters): string;
  /** The conditions of which any must hold, where that is all it says. */
  readonly alternatives?: readonly Condition[];
  /** Whether it holds a column to one value, of which an index has the packets by second (sinks/migrations/0007). */
  readonly bySecond?: boolean;
}

export function allOf(conditions: readonly Condition[]): Condition {
  return (parameters) =>
    conditions.length === 0 ? 'true' : conditions.map((condition) => `(${condition(parameters)})`).join(' AND ');
}

export function anyOf(conditions: readonly Condition[]): Condition {
  if (conditions.length === 1) return conditions[0]!;
  const condition = (parameters: QueryParameters): string =>
    conditions.length === 0 ? 'false' : conditions.map((alternative) => `(${alternative(parameters)})`).join(' OR ');
  return Object.assign(condition, { alternatives: conditions });
}

/** A null column makes a comparison neither true nor false; a packet without ports is "not port 80" all the same. */
export function not(condition: Condition): Condition {
  return (parameters) => `(${condition(parameters)}) IS NOT TRUE`;
}
