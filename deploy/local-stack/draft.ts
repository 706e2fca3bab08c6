/**
 * Drafts: what is made aside under a random name and moved into place when it is complete, so that nobody ever finds half
 * of it. A process that is killed leaves its draft behind.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** No draft takes this long to make. */
const ABANDONED_AFTER_MS = 3_600_000;

/** A path beside the final one that nobody else uses. */
export function draftOf(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}`;
}

/** Removes the drafts of a path that killed processes left behind. */
export function removeAbandonedDrafts(path: string): void {
  const folder = dirname(path);
  const draft = new RegExp(`^${basename(path).replace(/\W/g, '\\$&')}\\.[0-9a-f]{12}$`);
  for (const name of readdirSync(folder).filter((entry) => draft.test(entry))) {
    const age = Date.now() - (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
