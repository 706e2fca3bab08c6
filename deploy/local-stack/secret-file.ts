/** Files that only their owner can read, written whole. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const SECRET_BYTES = 24;

/** 32 letters, digits, hyphens and underscores: nothing that a shell, a properties file or a JAAS line would take for its own. */
export function randomSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** The secret in a file, made once. */
export function provideSecret(path: string): string {
  if (!existsSync(path)) writePrivateFile(path, `${randomSecret()}\n`);
  return readFileSync(path, 'utf8').trim();
}

/** Whatever was there before, also a file that others could read, is replaced. */
export function writePrivateFile(path: string, contents: string): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, contents, { mode: 0o600, flag: 'wx' });
  renameSync(draft, path);
}
