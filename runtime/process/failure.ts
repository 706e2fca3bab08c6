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

/** What a person does about an error of the operating system, by its name (errno(3)). */
const SYSTEM_REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'this user may not: change the owner or the mode (ls -ld shows them), or name another place',
  EPERM: 'this user may not: change the owner or the mode (ls -ld shows them), or name another place',
  EROFS: 'nothing can be written there: name another place',
  ENOSPC: 'the disk is full: free some room there (df -h shows it), or name another place',
  EDQUOT: 'the quota of this user is used up: free some room there, or name another place',
  EFBIG: 'files may not grow further: raise the limit (ulimit -f), or name another place',
  ENOENT: 'it is not there: check how it is spelled',
  ENOTDIR: 'a part of the path is a file, not a folder: name another place',
  EISDIR: 'it is a folder: name a file',
  EEXIST: 'something else is there already: name another place',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine: raise the limit (sysctl fs.file-max)',
  ENOMEM: 'memory is used up: give the machine more, or this process less to do',
  EIO: 'the disk does not work: see the log of the kernel (dmesg)',
};

/** SQLSTATE of a table or a column that is not there, and of a right that the user has not. */
const SQL_REMEDIES: Readonly<Record<string, string>> = {
  '42P01': 'the tables are not those of this version: run nta setup',
  '42703': 'the tables are not those of this version: run nta setup',
  '42501': 'the user needs the rights of its part: grant it the role that nta setup makes',
  '53100': 'the disk of Postgres is full: free some room there',
  '53300': 'Postgres has no connection left: raise max_connections, or lower --db-max-conn',
};

/**
 * As a failure what a person can mend although nothing of ours foresaw it: errors of the operating system, of Postgres, and of
 * the Kafka client. Undefined for a defect, whose stack is wanted.
 */
export function asFailure(error: unknown): Failure | undefined {
  if (error instanceof Failure) return error;
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, severity } = error as { code?: unknown; syscall?: unknown; severity?: unknown };
  if (typeof code === 'string' && typeof syscall === 'string' && /^E[A-Z0-9]+$/.test(code)) {
    const remedy = SYSTEM_REMEDIES[code];
    return new Failure('SYSTEM', remedy === undefined ? error.message : `${error.message}; ${remedy}`, {
      cause: error,
    });
  }
  if (typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    const remedy = SQL_REMEDIES[code] ?? 'its log says more';
    return new Failure('POSTGRES_REFUSED', `Postgres: ${error.message} (SQLSTATE ${code}); ${remedy}`, {
      cause: error,
    });
  }
  if (error.name.startsWith('KafkaJS'))
    return new Failure(
      'KAFKA_FAILED',
      `Kafka: ${error.message}; check that its brokers run and answer (--kafka-brokers), their logs say more`,
      { cause: error, retriable: true },
    );
  return undefined;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
