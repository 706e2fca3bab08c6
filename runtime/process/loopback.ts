/** Which hosts are this machine alone. */
import { isIP } from 'node:net';

/** 127.0.0.0/8, ::1 and the name that stands for them. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}
