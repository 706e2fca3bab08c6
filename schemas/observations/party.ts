/** Whom observations belong to, which is also where they have to go: all of a party meet in one partition. */
import ipaddr from 'ipaddr.js';
import { formatIpv6 } from '../address.js';
import type { Observation } from './observation.js';

/**
 * Whom an observation belongs to, which is also where it has to go: the client that asks (DNS), the two ends of an echo as
 * its requester, the sender of what nobody asked for, or the network that it went to; and for all that concerns a link the
 * empty string, which stands for the link itself.
 */
export function partyOf(observation: Observation): string {
  switch (observation.kind) {
    case 'dns':
      return observation.response ? observation.destination : observation.source;
    case 'echo':
      return observation.reply ? observation.destination : observation.source;
    case 'unasked':
      return observation.source || networkOf(observation.destination);
    default:
      return '';
  }
}

/** Whether a party is a host's address rather than a network or a link. */
export function isAddress(party: string): boolean {
  return party !== '' && !party.includes('/');
}

/** The network of an address, by which organizations are told apart: a /24, of IPv6 a /64. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return `${address.slice(0, address.lastIndexOf('.'))}.0/24`;
  const bytes = Uint8Array.from(ipaddr.IPv6.parse(address).toByteArray());
  return `${formatIpv6(bytes.fill(0, 8))}/64`;
}

/** Tells links apart: a VLAN of an interface. Two networks at two interfaces of a node may have the same addresses. */
export function linkName(vlan: number, interfaceName: string): string {
  return `${vlan} ${interfaceName}`;
}
