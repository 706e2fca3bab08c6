/** Calls to the API with the browser's session: who has none is asked for the token once, and what waited goes on. */
import { type Call, calls, searchOf } from './calls.js';

/** Where a search is wrong: characters from 0, and how many. */
export interface InputError {
  readonly input: string;
  readonly reason: string;
  readonly at?: number;
  readonly length?: number;
}

/** An answer that is no success, as problem details (RFC 9457) give it; status 0 when nobody answered. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly errors: readonly InputError[] = [],
  ) {
    super(message);
  }
}

/** Refused for good: asking the same again is refused again. */
export const isRefused = ({ status }: ApiError): boolean => status >= 400 && status < 500 && status !== 429;

/** About the query, not the server: too much for it, or too many at once. */
const OF_THE_QUERY = new Set(['QUERY_TIMEOUT', 'BUSY']);
const isOutage = ({ status, code }: ApiError): boolean => status >= 500 && !OF_THE_QUERY.has(code);

/** Asks a person; null when there is none to be had. */
export type AskToken = (reason: string) => Promise<string | null>;

/** Whether the server answers. */
export interface Reach {
  /** Calls in a row that nobody answered, or that the server could not. */
  readonly failures: number;
  /** Milliseconds since the epoch; 0 before the first answer. */
  readonly answeredAt: number;
  readonly problem: string;
}

/** Longest wait for an answer, milliseconds; the server gives up on a query before. */
const TIMEOUT_MS = 15_000;
const REFUSED = 'The token was refused. Check it and try again.';

export class Api {
  reach: Reach = { failures: 0, answeredAt: 0, problem: '' };
  private readonly listeners = new Set<() => void>();
  private readonly sessionListeners = new Set<() => void>();
  /** While someone is asked for the token; all that need it wait for the same answer. */
  private opening: Promise<boolean> | null = null;
  /** Whether the dialog was closed without one: reads then say so instead of asking again. */
  private isDeclined = false;

  constructor(private readonly askToken: AskToken) {}

  /** Called whenever `reach` has changed. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Called whenever the browser's session has begun or ended. */
  onSession(listener: () => void): () => void {
    this.sessionListeners.add(listener);
    return () => this.sessionListeners.delete(listener);
  }

  /** @throws ApiError, or what an aborted signal throws */
  async call<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      const response = await this.fetch(call, signal);
      // What /health answers is an answer in any case.
      if (response.ok || (call.path === '/health' && response.status === 503)) {
        this.reached(null);
        if (call.path === '/session' && call.method !== 'GET') for (const changed of this.sessionListeners) changed();
        return response.status === 204 ? (null as T) : ((await response.json()) as T);
      }
      const error = await problemOf(response);
      this.reached(isOutage(error) ? error.message : null);
      const isRead = call.method === 'GET' || call.path.endsWith('/search');
      if (error.status !== 401 || call.path === '/session') throw error;
      if (isRead && this.isDeclined) throw declined();
      if (!(await this.open(error.message))) throw declined();
      signal?.throwIfAborted();
    }
  }

  /** Asks for the token even when it was declined before. */
  openSession(reason: string): Promise<boolean> {
    return this.open(reason);
  }

  /** Opens a session with a token that is at hand, and tells whether it was taken. */
  async take(token: string): Promise<boolean> {
    try {
      await this.call(calls.openSession(token));
      this.isDeclined = false;
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return false;
      throw error;
    }
  }

  private open(reason: string): Promise<boolean> {
    this.opening ??= this.ask(reason).finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  private async ask(reason: string): Promise<boolean> {
    let why = reason;
    for (;;) {
      const token = await this.askToken(why);
      if (token === null) {
        this.isDeclined = true;
        return false;
      }
      if (await this.take(token)) return true;
      why = REFUSED;
    }
  }

  private async fetch({ method, path, query, body }: Call<unknown>, signal?: AbortSignal): Promise<Response> {
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const response = await fetch(`/api${path}${searchOf(query)}`, {
        method,
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      return response;
    } catch (error) {
      if (signal?.aborted) throw error;
      const isLate = error instanceof DOMException && error.name === 'TimeoutError';
      const message = isLate ? 'The server takes too long to answer.' : 'The server does not answer.';
      this.reached(message);
      throw new ApiError(0, isLate ? 'TIMEOUT' : 'UNREACHABLE', message);
    }
  }

  private reached(problem: string | null): void {
    const { failures, answeredAt } = this.reach;
    this.reach =
      problem === null
        ? { failures: 0, answeredAt: Date.now(), problem: '' }
        : { failures: failures + 1, answeredAt, problem };
    for (const listener of this.listeners) listener();
  }
}

function declined(): ApiError {
  return new ApiError(401, 'NO_TOKEN', 'This needs the API token. Reload the page, or enter it under Settings.');
}

interface ProblemDetails {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly InputError[];
}

async function problemOf(response: Response): Promise<ApiError> {
  const problem: ProblemDetails = await response.json().catch(() => ({}));
  const message = problem.detail ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, problem.code ?? 'UNKNOWN', message, problem.errors ?? []);
}

/** Takes `#token=…` out of the address, so that it is in no history and no bookmark; null when there is none. */
export function takeTokenFromAddress(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) history.replaceState(null, '', location.pathname + location.search);
  return token;
}
