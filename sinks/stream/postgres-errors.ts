/** What an error of Postgres asks for, by its SQLSTATE (PostgreSQL manual, appendix A). */
import { messageOf } from '../../runtime/process/failure.js';

/**
 * `refused`: the data is at fault, and the same rows are refused again. `busy`: another transaction was in the way, at
 * once again. `away`: the server cannot take anything now (gone, full, read-only), later again. `defect`: neither the data nor
 * the server's state explains it (a missing table, a missing right); later again, since somebody may mend it. `bug`: not an
 * error of Postgres at all.
 */
export type PostgresErrorKind = 'refused' | 'busy' | 'away' | 'defect' | 'bug';

export function sqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : '';
}

export function classifyPostgresError(error: unknown): PostgresErrorKind {
  const state = sqlState(error);
  if (state === '') {
    const bug = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
    return bug ? 'bug' : 'away'; // without SQLSTATE the connection broke
  }
  switch (state.slice(0, 2)) {
    case '22': // data exception
    case '23': // integrity constraint
    case 'P0': // raised by a trigger of the user's
      return 'refused';
    case '40': // serialization failure, deadlock
      return 'busy';
    case '08': // connection
    case '53': // out of disk, memory, connections
    case '57': // shutting down, cancelled
    case '58': // I/O error
      return 'away';
    default:
      // 25006 read-only transaction: a standby; 55P03 lock timeout
      return state === '25006' ? 'away' : state === '55P03' ? 'busy' : state === '54000' ? 'refused' : 'defect';
  }
}

/** One line on why storing does not go on, with the remedy where there is one. */
export function explainPostgresError(error: unknown): string {
  const message = messageOf(error);
  switch (sqlState(error)) {
    case '53100':
      return `Postgres has no disk space left (${message}); free some, or drop old packets with nta cleanup`;
    case '25006':
      return `Postgres is read-only, a standby perhaps (${message}); point --db-host at the primary`;
    case '53300':
      return `Postgres takes no more connections (${message}); raise max_connections or lower --db-max-conn`;
    case '42P01':
      return `a table is missing (${message}); run nta setup`;
    case '42501':
      return `a right is missing (${message}); GRANT nta_writer to this user, or run nta setup as the owner`;
    case '57P01':
    case '57P02':
    case '57P03':
      return `Postgres is shutting down or starting (${message})`;
    default:
      return `Postgres: ${message}`;
  }
}
