/** Requests to the API one after another, timed as a client sees them. */
import { median } from './statistics.js';

/** Asked before any is counted. */
const WARM_UP = 5;

export interface TimedRequest {
  /** With the query. */
  readonly path: string;
  /** JSON of a POST; a GET without it. */
  readonly body?: unknown;
}

/** Milliseconds of each of so many requests, made with other values each. */
export async function timeRequests(
  port: number,
  requests: number,
  request: (number: number) => TimedRequest,
): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let number = 0; number < requests + WARM_UP; number++) {
    const { path, body } = request(number);
    const startedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      ...(body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const taken = performance.now() - startedAt;
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status}: ${text.slice(0, 500)}`);
    if (number >= WARM_UP) milliseconds.push(taken);
  }
  return milliseconds;
}

export const describeTimes = (milliseconds: readonly number[]): string =>
  `${milliseconds.length} requests one after another, median ${median(milliseconds).toFixed(1)} ms, largest ${Math.max(...milliseconds).toFixed(1)} ms`;
