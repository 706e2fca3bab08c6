/**
 * What a test needs from the machine: a tool, a permission. Without it a plain run skips the test and names what is
 * missing; with `CI` set the test fails, because a suite that silently shrinks proves nothing.
 *
 *     test('agrees with tshark', (context) => {
 *       requireTool(context, 'tshark');
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The part of vitest's test context that is used here. */
export interface SkippableTest {
  skip(note?: string): never;
}

/** Skips (or, with CI set, fails) unless `met`; `reason` says what is missing and how to get it. */
export function requireCondition(test: SkippableTest, met: boolean, reason: string): void {
  if (met) return;
  if (process.env['CI']) throw new Error(`${reason} (required because CI is set)`);
  test.skip(reason);
}

/** Requires every tool to be an executable on PATH. */
export function requireTool(test: SkippableTest, ...tools: readonly string[]): void {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  requireCondition(test, missing.length === 0, `not installed: ${missing.join(', ')}`);
}

/** The full path of an executable on PATH, or undefined. The sbin folders count too: many tools here live there. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}
