/** People that another system vouches for, a provider of OpenID Connect or a proxy: what they are called here, and what they may do. */
import { Failure } from '../../runtime/process/failure.js';
import { type Identity, ROLES, type Role } from './identity.js';
import { oneLine } from './text-schemas.js';

const NAME_MAX = 150;

/** Roles by the values of a claim or header: the highest of all that fit. `*` is anybody. */
export class RoleMapping {
  private readonly roles = new Map<string, Role>();

  /**
   * @param entries "soc=analyst", "*=reader"
   * @throws Failure `CONFIGURATION`
   */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const at = entry.lastIndexOf('=');
      const role = ROLES.find((known) => known === entry.slice(at + 1));
      if (at < 1 || role === undefined) {
        throw new Failure(
          'CONFIGURATION',
          `--identity-roles: "${entry}" names no role; give a group and one of ${ROLES.join(', ')}, such as soc=analyst or *=reader`,
        );
      }
      this.roles.set(entry.slice(0, at), role);
    }
  }

  roleOf(groups: readonly string[]): Role | null {
    const roles = [...groups, '*'].flatMap((group) => this.roles.get(group) ?? []);
    return [...ROLES].reverse().find((role) => roles.includes(role)) ?? null;
  }
}

/**
 * Whose name is no token's: `oidc:ada`, `proxy:ada`. Null for one that is no single line of text.
 *
 * @param by what vouches for it.
 */
export function personOf(by: 'oidc' | 'proxy', name: unknown, role: Role): Identity | null {
  const parsed = oneLine(NAME_MAX).min(1).safeParse(name);
  return parsed.success ? { name: `${by}:${parsed.data}`, role, named: true } : null;
}
