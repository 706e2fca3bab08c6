import { afterEach, expect, test, vi } from 'vitest';
import { findTool, requireCondition, requireTool, type SkippableTest } from './requirement.js';

class Skipped extends Error {}

const fake: SkippableTest = {
  skip(note) {
    throw new Skipped(note);
  },
};

afterEach(() => vi.unstubAllEnvs());

test('a missing tool skips by name, and fails where CI is set', () => {
  vi.stubEnv('CI', '');
  expect(() => requireTool(fake, 'sh', 'no-such-tool')).toThrow(new Skipped('not installed: no-such-tool'));
  vi.stubEnv('CI', 'true');
  expect(() => requireTool(fake, 'no-such-tool')).toThrow('not installed: no-such-tool (required because CI is set)');
});

test('what is there lets the test run', () => {
  expect(findTool('sh')).toMatch(/\/sh$/);
  expect(() => requireTool(fake, 'sh')).not.toThrow();
  expect(() => requireCondition(fake, true, 'never said')).not.toThrow();
});
