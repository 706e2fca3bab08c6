/** compose.yaml: every part is there, unprivileged, with flags and variables that `nta` knows and secrets in files. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { apiCommandOptions } from '../../deploy/nta/commands/api.js';
import { captureCommandOptions } from '../../deploy/nta/commands/capture.js';
import { cleanupServiceOptions } from '../../deploy/nta/commands/cleanup.js';
import { huntCommandOptions } from '../../deploy/nta/commands/hunt.js';
import { processCommandOptions } from '../../deploy/nta/commands/process.js';
import { setupCommandOptions } from '../../deploy/nta/commands/setup.js';
import { postgresSinkOptions } from '../../deploy/nta/commands/sink.js';
import { flagOf, type OptionTable, variablesOf } from '../../runtime/process/options.js';
import { projectRoot, projectVersion } from '../../runtime/process/project.js';
import { composeReader } from '../support/kustomize.js';
import { requireCondition, type SkippableTest } from '../support/requirement.js';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly network_mode?: string;
  readonly ports?: readonly string[];
  readonly secrets?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const TABLES: Readonly<Record<string, OptionTable>> = {
  setup: setupCommandOptions,
  capture: captureCommandOptions,
  process: processCommandOptions,
  sink: postgresSinkOptions,
  api: apiCommandOptions,
  cleanup: cleanupServiceOptions,
  hunt: huntCommandOptions,
};
const FOLDER = join(projectRoot, 'deploy');
const FILE = join(FOLDER, 'compose.yaml');
const { services } = parse(readFileSync(FILE, 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};

it.each(Object.keys(TABLES))('%s is unprivileged and has what it knows', (part) => {
  const service = services[part]!;
  const table = TABLES[part]!;
  expect(service.image).toBe(`nta:${projectVersion}`);
  expect(service.command![0]).toBe(part);
  expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  expect(service.cap_add ?? []).toEqual(part === 'capture' ? ['NET_RAW'] : []);
  const flags = [...Object.keys(table).map(flagOf), '--every-interval'];
  for (const argument of service.command!.filter((text) => text.startsWith('--')))
    expect(flags).toContain(argument.split('=')[0]);
  const known = Object.values(TABLES).flatMap((each) => Object.values(each).flatMap(variablesOf));
  const secret = Object.values(table).flatMap(({ env, secret }) => (secret ? [env] : []));
  for (const [name, value] of Object.entries(service.environment)) {
    expect(known).toContain(name);
    expect(secret).not.toContain(name);
    if (name.endsWith('_FILE')) expect(service.secrets).toContain(value.replace('/run/secrets/', ''));
  }
});

/** A file as Docker Compose reads it in deploy/, checked against its specification. */
function readByCompose(context: SkippableTest, file: string): SpawnSyncReturns<string> {
  const reader = composeReader();
  requireCondition(
    context,
    reader !== undefined,
    'not installed: compose-go (go install github.com/compose-spec/compose-go/v2/cmd@v2.16.2)',
  );
  return spawnSync(reader!, ['-format', 'json', file], { cwd: FOLDER, encoding: 'utf8' });
}

it('is what Docker Compose’s own reader takes, with its files where the first lines put them', (context) => {
  const { status, stdout, stderr } = readByCompose(context, FILE);
  expect(status, stderr).toBe(0);
  const model = JSON.parse(stdout) as {
    services: Record<string, { build?: { context: string; dockerfile: string } }>;
    secrets: Record<string, { file: string }>;
  };
  expect(Object.keys(model.services).sort()).toEqual(Object.keys(services).sort());
  const { context: folder, dockerfile } = model.services['api']!.build!;
  expect(existsSync(join(folder, dockerfile))).toBe(true);
  for (const [name, { file }] of Object.entries(model.secrets)) expect(file).toBe(join(projectRoot, 'secrets', name));
});

it('would be refused for a word that Docker Compose does not know', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'nta-compose-'));
  try {
    const file = join(folder, 'compose.yaml');
    writeFileSync(file, readFileSync(FILE, 'utf8').replace('read_only', 'read_onli'));
    expect(readByCompose(context, file).stderr).toContain('read_onli');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('gives nothing to other machines', () => {
  for (const { ports = [] } of Object.values(services))
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});
