/** Files that settings name. */
import { readFileSync, statSync } from 'node:fs';
import { Failure, messageOf } from './failure.js';

/**
 * @param flag that names the file, for the error.
 * @throws Failure `CONFIGURATION` when it cannot be read.
 */
export function readPemFile(flag: string, file: string): string {
  return read(flag, file, 'a readable PEM file');
}

/**
 * @param what the secret is, for the error: "the token".
 * @param warn told when other users can read it.
 * @throws Failure `CONFIGURATION` when it cannot be read, which never carries its contents.
 */
export function readSecretFile(flag: string, file: string, what: string, warn: (message: string) => void): string {
  const secret = read(flag, file, `a file that holds ${what}`).trim();
  if ((statSync(file).mode & 0o077) !== 0) warn(`${file} can be read by other users: chmod 600 it`);
  return secret;
}

function read(flag: string, file: string, wanted: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure('CONFIGURATION', `${flag}: cannot read ${file}: ${messageOf(error)}; give ${wanted}`, {
      cause: error,
    });
  }
}
