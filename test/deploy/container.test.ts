/** The container file, read: what may capture in the image, and that what it copies is there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';

const text = readFileSync(join(projectRoot, 'deploy', 'container', 'Dockerfile'), 'utf8').replace(/\\\n/g, ' ');
const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const image = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

describe('deploy/container/Dockerfile', () => {
  it('runs as an unprivileged user and gives one capability to tcpdump alone', () => {
    expect(image.filter((line) => line.startsWith('USER '))).toEqual(['USER node']);
    expect(text.match(/setcap \S+ \S+ \S+ \S+/g)).toEqual(['setcap cap_net_raw+ep "$(command -v tcpdump)"']);
    expect(text).not.toMatch(/chmod|setuid|sudo/);
  });

  it('has what the engines tcpdump and libpcap need', () => {
    const installed = image.find((line) => line.includes('apt-get install')) ?? '';
    expect(installed).toContain(' tcpdump ');
    expect(installed).toContain(' libpcap0.8 ');
    const removed = /rm -rf (dist\/test [^&]*)$/m.exec(text)?.[1] ?? '';
    expect(removed).toContain('node_modules/cap');
    expect(removed).not.toContain('koffi');
    expect(text).not.toContain('omit=optional');
  });

  it('copies what is there', () => {
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(copied).toContain('schemas');
    for (const path of copied) expect(existsSync(join(projectRoot, path)), path).toBe(true);
  });
});
