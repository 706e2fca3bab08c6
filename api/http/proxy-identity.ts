/**
 * Who a proxy in front says a request is of, by headers that it sets (oauth2-proxy, Authelia, an ingress). They are heard from the proxies
 * that are trusted alone, by the address of the connection itself, and ignored from anybody else.
 */
import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';
import { Failure } from '../../runtime/process/failure.js';
import { parseAddress } from '../../schemas/tables/address-match.js';
import type { ApiSettings } from '../settings.js';
import type { Identity } from './identity.js';
import { personOf, RoleMapping } from './person-names.js';
import { Refused } from './refused.js';
import type { ApiBindings } from './request.js';

export type ProxySettings = Pick<
  ApiSettings,
  'trustedProxies' | 'identityHeader' | 'identityGroupsHeader' | 'identityRoles'
>;

export class ProxyIdentity {
  private readonly networks: readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[];
  private readonly roles: RoleMapping;

  /** @throws Failure `CONFIGURATION` */
  constructor(private readonly settings: ProxySettings) {
    this.networks = settings.trustedProxies.map(networkOf);
    this.roles = new RoleMapping(settings.identityRoles);
    if ((settings.identityHeader === '') !== (this.networks.length === 0)) {
      throw new Failure(
        'CONFIGURATION',
        '--identity-header and --trusted-proxies belong together: give the header that names people, and the addresses of the proxies that set it',
      );
    }
  }

  get isOn(): boolean {
    return this.networks.length > 0;
  }

  /**
   * Null where no trusted proxy names anybody.
   *
   * @throws Refused for somebody without a role.
   */
  identify(c: Context<ApiBindings>): Identity | null {
    if (!this.isOn || !this.isTrusted(c.env?.incoming?.socket?.remoteAddress ?? '')) return null;
    const name = c.req.header(this.settings.identityHeader);
    if (name === undefined) return null;
    const groups = (c.req.header(this.settings.identityGroupsHeader) ?? '').split(',').map((group) => group.trim());
    const role = this.roles.roleOf(groups);
    const identity = role === null ? null : personOf('proxy', name, role);
    if (identity !== null) return identity;
    throw new Refused(
      'token',
      403,
      'NO_ROLE',
      role === null
        ? 'the proxy names somebody without a role here; --identity-roles gives roles to groups'
        : `${this.settings.identityHeader}: is no name of one line`,
    );
  }

  private isTrusted(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    const peer = ipaddr.process(address);
    return this.networks.some(
      ([network, bits]) => network.kind() === peer.kind() && peer.match(network as never, bits),
    );
  }
}

function networkOf(text: string): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] {
  try {
    const { text: address, prefix } = parseAddress(text);
    return [ipaddr.parse(address), prefix];
  } catch (error) {
    throw new Failure('CONFIGURATION', `--trusted-proxies: ${(error as Error).message}`, { cause: error });
  }
}
