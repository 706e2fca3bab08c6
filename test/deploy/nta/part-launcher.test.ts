import { expect, test } from 'vitest';
import { partEnvironment } from '../../../deploy/nta/part-launcher.js';
import { defineOptions, readSettings, toArguments } from '../../../runtime/process/options.js';

const TABLE = defineOptions({
  port: { kind: 'integer', env: 'T_PORT', default: 5000, minimum: 1, maximum: 65_535, help: '' },
  password: { kind: 'string', env: 'T_PASSWORD', default: '', secret: true, help: '' },
  host: { kind: 'string', env: 'T_HOST', default: 'localhost', help: '' },
  elsewhere: { kind: 'string', env: 'T_ELSEWHERE', default: '', help: '' },
});

/** What a part of a run makes of it, whose environment is that of the run. */
function settingsOfPart(flags: Record<string, string>, environment: NodeJS.ProcessEnv) {
  const { elsewhere: _, ...known } = readSettings(TABLE, flags, environment);
  const given = Object.fromEntries(toArguments(TABLE, known).map((text) => text.replace('--', '').split('=')));
  return readSettings(TABLE, given, { ...environment, ...partEnvironment(TABLE, known) });
}

test('a part has the settings of its run, whatever the environment says', () => {
  const environment = { T_PORT: '6000', T_PASSWORD: 'old', T_HOST: 'db', T_ELSEWHERE: 'kept' };
  expect(settingsOfPart({ port: '5000', password: 's3cret' }, environment)).toEqual({
    port: 5000,
    password: 's3cret',
    host: 'db',
    elsewhere: 'kept',
  });
  expect(settingsOfPart({ password: '' }, { T_PASSWORD: 'old' }).password).toBe('');
  // A secret that the run has read from a file goes on by its variable: with both of them the part would refuse it.
  expect(partEnvironment(TABLE, { password: 's3cret' })).toMatchObject({
    T_PASSWORD: 's3cret',
    T_PASSWORD_FILE: undefined,
  });
  expect(settingsOfPart({}, {})).toEqual(readSettings(TABLE, {}, {}));
});
