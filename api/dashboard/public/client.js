/** Calls to the API. The token is taken once from the address's fragment, kept for this tab, and sent with every call. */

const TOKEN_KEY = 'nta-token';

/** An answer that is no success: `code` and `message` as problem details (RFC 9457) give them; status 0 when nobody answered. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Moves `#token=…` from the address bar into the tab's storage, so that it is in no history and no bookmark. */
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return;
  setToken(token);
  history.replaceState(null, '', location.pathname + location.search);
}

/** @param {string} token */
export function setToken(token) {
  if (token === '') sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, token);
}

export const hasToken = () => sessionStorage.getItem(TOKEN_KEY) !== null;

/** Longest wait for an answer, milliseconds; the server gives up on a query before. */
const TIMEOUT_MS = 15_000;

/** @returns {Record<string, string>} */
export function authorization() {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/**
 * @param {string} path
 * @param {Record<string, string | number | undefined>} [query] empty and undefined values are left out
 * @param {{ method?: string, body?: unknown }} [options]
 */
export async function callApi(path, query = {}, { method = 'GET', body } = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const search = parameters.size > 0 ? `?${parameters}` : '';
  let response;
  try {
    response = await fetch(`/api${path}${search}`, {
      method,
      headers: {
        ...authorization(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
    throw new ApiError(
      0,
      timedOut ? 'TIMEOUT' : 'UNREACHABLE',
      timedOut ? 'The server takes too long to answer.' : 'The server does not answer.',
    );
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new ApiError(
    response.status,
    problem.code ?? 'UNKNOWN',
    problem.detail ?? `The server answered ${response.status}.`,
  );
}
