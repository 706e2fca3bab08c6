/** Which hosts are this machine alone, and which names are its own. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** 127.0.0.0/8, ::1 and the name that stands for them. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** The name of a Host header: "[::1]:5000" → "::1", "Example.org:80" → "example.org". */
export function hostName(header: string): string {
  return header
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

/**
 * Whether a Host header is an address, this machine's name or one of those given. A page of another site that has its name
 * resolved to this machine (DNS rebinding) comes under its own name.
 */
export function isOwnHost(header: string, names: readonly string[]): boolean {
  const name = hostName(header);
  return isIP(name) !== 0 || ['localhost', hostname(), ...names].some((own) => own.toLowerCase() === name);
}
