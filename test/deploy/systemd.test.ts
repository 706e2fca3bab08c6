/** The systemd units: sandboxed, as systemd itself rates them, and with flags, variables and secrets that `nta` knows. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiCommandOptions } from '../../deploy/nta/commands/api.js';
import { captureCommandOptions } from '../../deploy/nta/commands/capture.js';
import { cleanupServiceOptions } from '../../deploy/nta/commands/cleanup.js';
import { huntCommandOptions } from '../../deploy/nta/commands/hunt.js';
import { processCommandOptions } from '../../deploy/nta/commands/process.js';
import { setupCommandOptions } from '../../deploy/nta/commands/setup.js';
import { postgresSinkOptions } from '../../deploy/nta/commands/sink.js';
import { flagOf, type OptionTable, variablesOf } from '../../runtime/process/options.js';
import { projectRoot } from '../../runtime/process/project.js';
import { requireTool } from '../support/requirement.js';

const FOLDER = join(projectRoot, 'deploy', 'systemd');
const TABLES: Readonly<Record<string, OptionTable>> = {
  api: apiCommandOptions,
  capture: captureCommandOptions,
  hunt: huntCommandOptions,
  maintenance: { ...cleanupServiceOptions, ...setupCommandOptions },
  process: processCommandOptions,
  sink: postgresSinkOptions,
};
/** What systemd calls "OK"; 10 is a service without any restriction. */
const EXPOSURE_MAX = 2;

describe.each(Object.keys(TABLES))('deploy/systemd/nta-%s.service', (part) => {
  const file = join(FOLDER, `nta-${part}.service`);
  const lines = readFileSync(file, 'utf8').split('\n');
  const valuesOf = (key: string): string[] =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));

  it(`exposes no more than ${EXPOSURE_MAX} of 10`, (context) => {
    requireTool(context, 'systemd-analyze');
    const output = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(output)?.[1];
    expect(Number(exposure)).toBeGreaterThan(0);
    expect(Number(exposure)).toBeLessThanOrEqual(EXPOSURE_MAX);
  });

  it('gives flags and variables that the part knows, and every secret by a credential', () => {
    const table = TABLES[part]!;
    const flags = [...Object.keys(table).map(flagOf), '--every-interval', '--enable-source-maps'];
    for (const [flag] of [...valuesOf('ExecStart'), ...valuesOf('ExecStartPre')].join(' ').matchAll(/--[a-z-]+/g))
      expect(flags).toContain(flag);
    const known = [...Object.values(table).flatMap(variablesOf), 'NODE_ENV'];
    const credentials = valuesOf('LoadCredential').map((line) => line.split(':')[0]);
    for (const [name, value] of valuesOf('Environment').flatMap((line) =>
      line.split(' ').map((each) => each.split('=') as [string, string]),
    )) {
      expect(known).toContain(name);
      if (name.endsWith('_FILE')) expect(credentials).toContain(value.replace('%d/', ''));
    }
    expect(valuesOf('CapabilityBoundingSet')).toEqual([part === 'capture' ? 'CAP_NET_RAW' : '']);
  });
});

it('is a unit for each part', () => {
  const units = readdirSync(FOLDER).filter((name) => name.endsWith('.service'));
  expect(units.sort()).toEqual(Object.keys(TABLES).map((part) => `nta-${part}.service`));
});
