/**
 * Public captures that lie beside the project on some machines (`../shared/data`), too large and too varied in licence
 * to be committed. Tests that use them skip, naming the folder, where it is not there.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from '../../runtime/process/project.js';
import type { SkippableTest } from './requirement.js';

export const sharedCaptureFolder: string = join(projectRoot, '..', 'shared', 'data');

export function hasSharedCaptures(): boolean {
  return existsSync(sharedCaptureFolder);
}

/** Skips the test when the folder is missing; CI has no right to it, so that is no failure there either. */
export function requireSharedCaptures(test: SkippableTest): void {
  if (!hasSharedCaptures()) test.skip(`no shared captures: ${sharedCaptureFolder} does not exist`);
}

/** The paths of all captures below a folder ("decode", "detect", "malformed"), relative to `sharedCaptureFolder`, sorted. */
export function sharedCaptures(folder: 'decode' | 'detect' | 'malformed'): string[] {
  if (!hasSharedCaptures()) return [];
  const files = readdirSync(join(sharedCaptureFolder, folder), { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile())
    .map((entry) => relative(sharedCaptureFolder, join(entry.parentPath, entry.name)))
    .sort();
}
