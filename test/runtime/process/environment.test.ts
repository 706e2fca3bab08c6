/** What a process finds in its environment besides plain settings: files of secrets, links to services. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineOptions, readSettings, type Settings, variablesOf } from '../../../runtime/process/options.js';

const TABLE = defineOptions({
  password: { kind: 'string', env: 'T_PASSWORD', default: '', secret: true, help: 'password' },
  host: { kind: 'string', env: 'T_HOST', default: 'localhost', help: 'host' },
  apiPort: { kind: 'integer', env: 'T_API_PORT', default: 5000, minimum: 0, maximum: 65_535, help: 'port' },
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-secret-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const path = join(folder, 'secret');
  writeFileSync(path, content);
  return path;
}

function read(environment: Record<string, string>, flags: Record<string, unknown> = {}) {
  const notices: string[] = [];
  const settings: Settings<typeof TABLE> = readSettings(TABLE, flags, environment, (notice) => notices.push(notice));
  return { settings, notices };
}

describe('a secret', () => {
  it('may stand in a file, whose last line break does not count', () => {
    for (const end of ['', '\n', '\r\n'])
      expect(read({ T_PASSWORD_FILE: file(`two words ${end}`) }).settings.password).toBe('two words ');
  });

  it('is the flag’s where there is one, and an empty variable is none', () => {
    const environment = { T_PASSWORD_FILE: file('of the file') };
    expect(read(environment, { password: 'of the flag' }).settings.password).toBe('of the flag');
    expect(read({ ...environment, T_PASSWORD: '' }).settings.password).toBe('of the file');
    expect(read({ T_PASSWORD: 'plain', T_PASSWORD_FILE: '' }).settings.password).toBe('plain');
  });

  it('is refused by the name of its file alone: both set, no file, an empty one, a huge one', () => {
    const refused = (environment: Record<string, string>, reason: RegExp) => {
      const attempt = () => read(environment);
      expect(attempt).toThrow(reason);
      expect(attempt).not.toThrow(/hush/);
    };
    refused({ T_PASSWORD: 'hush', T_PASSWORD_FILE: file('hush') }, /T_PASSWORD_FILE: T_PASSWORD is set as well/);
    refused({ T_PASSWORD_FILE: join(folder, 'none') }, /T_PASSWORD_FILE: cannot read .*none: ENOENT/);
    refused({ T_PASSWORD_FILE: folder }, /T_PASSWORD_FILE: cannot read/);
    refused({ T_PASSWORD_FILE: file('\n') }, /T_PASSWORD_FILE: .* is empty/);
    refused({ T_PASSWORD_FILE: file('hush'.repeat(20_000)) }, /T_PASSWORD_FILE: .* has 80000 bytes/);
  });

  it('leaves a file to the option that has that variable already', () => {
    const own = defineOptions({
      token: { kind: 'string', env: 'T_TOKEN', default: '', secret: true, help: 'token' },
      tokenFile: { kind: 'string', env: 'T_TOKEN_FILE', default: '', help: 'file of the token' },
    });
    const path = file('hush');
    expect(readSettings(own, {}, { T_TOKEN_FILE: path })).toEqual({ token: '', tokenFile: path });
  });

  it('is alone in having such a variable', () => {
    expect(read({ T_HOST_FILE: file('elsewhere') }).settings.host).toBe('localhost');
    expect(variablesOf(TABLE.password)).toEqual(['T_PASSWORD', 'T_PASSWORD_FILE']);
    expect(variablesOf(TABLE.host)).toEqual(['T_HOST']);
  });
});

describe('what Kubernetes sets for a Service', () => {
  it('is no setting: the default holds, and a line says so', () => {
    const { settings, notices } = read({ T_API_PORT: 'tcp://10.96.0.7:80' });
    expect(settings.apiPort).toBe(5000);
    expect(notices).toEqual([expect.stringContaining('T_API_PORT=tcp://10.96.0.7:80 is a service link')]);
    expect(read({ T_API_PORT: 'tcp://10.96.0.7:80' }, { apiPort: '81' })).toMatchObject({ settings: { apiPort: 81 } });
  });

  it('does not excuse a mistyped port', () => {
    expect(() => read({ T_API_PORT: 'tcp' })).toThrow(/T_API_PORT: "tcp" must be a whole number/);
    expect(() => read({}, { apiPort: 'tcp://10.96.0.7:80' })).toThrow(/--api-port/);
  });
});
