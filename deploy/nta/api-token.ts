/**
 * The token that writes to the API need: the one given, or one made at the first start and kept under `--data-dir`. Null
 * when the API reads it from a file that it was given.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeFolder } from '../../runtime/process/folder.js';

export async function apiToken(settings: {
  readonly apiToken: string;
  readonly apiTokenFile: string;
  readonly dataDir: string;
}): Promise<string | null> {
  if (settings.apiTokenFile !== '') return null;
  if (settings.apiToken !== '') return settings.apiToken;
  const folder = resolve(settings.dataDir);
  const file = join(folder, 'api-token');
  makeFolder(folder);
  const token = randomBytes(24).toString('base64url');
  try {
    await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await readFile(file, 'utf8')).trim();
  }
}
