/** Requests that no route sees. */
import { ApiProblem } from './problem.js';

/** With the reason that it is counted under. */
export class Refused extends ApiProblem {
  constructor(
    readonly reason: 'cross_site' | 'origin' | 'token' | 'rate',
    ...problem: ConstructorParameters<typeof ApiProblem>
  ) {
    super(...problem);
  }
}

export function unauthorized(code: string, detail: string): Refused {
  return new Refused('token', 401, code, detail, {
    errors: [{ input: 'Authorization', reason: code === 'INVALID_TOKEN' ? 'wrong token' : 'missing' }],
    headers: { 'www-authenticate': 'Bearer realm="nta"' },
  });
}
