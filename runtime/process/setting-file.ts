/** Files that settings name. */
import { X509Certificate } from 'node:crypto';
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
 * A PEM file of one or more certificates. Node.js takes other files without a word and then trusts nobody.
 *
 * @throws Failure `CONFIGURATION` when it cannot be read or holds none.
 */
export function readCertificates(flag: string, file: string): string {
  const certificates = readPemFile(flag, file);
  try {
    new X509Certificate(certificates);
  } catch (error) {
    throw new Failure(
      'CONFIGURATION',
      `${flag}: ${file} holds no certificate: ${messageOf(error)}; give a PEM file (-----BEGIN CERTIFICATE-----)`,
      { cause: error },
    );
  }
  return certificates;
}

/**
 * A file whose contents may be renewed while the process runs, as certificates are: it is read again at each call, and
 * where that fails, as in the middle of a renewal, what it last held is given.
 *
 * @throws Failure of the first reading.
 */
export function renewableFile(read: () => string): () => string {
  let last = read();
  return () => {
    try {
      last = read();
    } catch {
      // the last one holds
    }
    return last;
  };
}

/**
 * @param what the secret is, for the error: "the token".
 * @param warn told when other users can read it. A group may where the file is root's, as Kubernetes mounts Secrets, and as Postgres has it
 *   for its key.
 * @throws Failure `CONFIGURATION` when it cannot be read, which never carries its contents.
 */
export function readSecretFile(flag: string, file: string, what: string, warn: (message: string) => void): string {
  const secret = read(flag, file, `a file that holds ${what}`).trim();
  const { mode, uid } = statSync(file);
  const open = uid === 0 && process.getuid?.() !== 0 ? 0o037 : 0o077;
  if ((mode & open) !== 0) warn(`${file} can be read by other users: chmod 600 it`);
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
