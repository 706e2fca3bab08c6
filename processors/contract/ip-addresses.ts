/**
 * ipaddr.js, loaded where an address is first read from text: 20 ms of processor time, since Node reads a CommonJS module
 * that is imported twice, and detection without exceptions and without anything to restore reads no address.
 */
import { createRequire } from 'node:module';
import type ipaddr from 'ipaddr.js';

const require = createRequire(import.meta.url);

export function ipAddresses(): typeof ipaddr {
  return require('ipaddr.js') as typeof ipaddr;
}
