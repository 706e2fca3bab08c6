/** Who sends a request, and what they may do. */

/** Each may do what those before it may. */
export const ROLES = ['reader', 'analyst', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface Identity {
  /** Of the token, or how a request without one came to be let in. */
  readonly name: string;
  readonly role: Role;
  /** Whether the token is one person's or program's; the server's own token is whoever was told it. */
  readonly named: boolean;
}

export function mayDo(identity: Identity, role: Role): boolean {
  return ROLES.indexOf(identity.role) >= ROLES.indexOf(role);
}

/** Of a request without a token, where reads need none. */
export const LOCAL_READER: Identity = { name: 'local', role: 'reader', named: false };
/** Of the token of NTA_API_TOKEN or --api-token-file. */
export const SERVER_TOKEN: Identity = { name: 'api', role: 'admin', named: false };
