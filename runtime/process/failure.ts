/**
 * An operation that failed for a reason a person can mend. The message is one line that names the input, the reason
 * and the remedy; it is printed without a stack. Everything else that is thrown is a defect and keeps its stack.
 */
export class Failure extends Error {
  /** Stable, upper case with underscores: `KAFKA_UNREACHABLE`. */
  readonly code: string;
  /** Whether the same operation may succeed later without anyone's doing. */
  readonly retriable: boolean;

  constructor(code: string, message: string, details: { cause?: unknown; retriable?: boolean } = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'Failure';
    this.code = code;
    this.retriable = details.retriable ?? false;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
