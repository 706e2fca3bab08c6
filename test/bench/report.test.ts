/** What other programs and people read of a run: the JSON of a figure, the table, the chart. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { renderChart } from './chart.js';
import { type Figure, isReached, ratioOf, toRecord } from './figure.js';
import { formatTable, formatValue } from './figure-table.js';
import type { MachineDescription } from './machine.js';
import { readRequest } from './options.js';
import { type BenchOutcome, outcomesToKeep, writeRecords, writeReport } from './report.js';

const MEASURED: Figure = {
  name: 'decode',
  value: 5_123_456.789,
  unit: 'packets/s',
  better: 'higher',
  target: 5_000_000,
  runs: [5_000_000, 5_123_456.789, 5_200_000],
  against: { name: 'tshark -T fields', value: 24_000, note: 'dissects everything.' },
  note: 'From the page cache.',
};
const ALONE: Figure = { name: 'recovery', value: 6.2, unit: 's', better: 'lower', target: 5, note: 'kill -9.' };
const ABSENT: Figure = {
  ...ALONE,
  name: 'analyze',
  unit: 'packets/s',
  against: { name: 'Suricata', value: null, note: 'not installed.' },
};

const folder = mkdtempSync(join(tmpdir(), 'nta-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a figure as a record', () => {
  it('has its seven members, rounded to what was measured', () => {
    expect(toRecord(MEASURED)).toEqual({
      name: 'decode',
      value: 5_123_000,
      unit: 'packets/s',
      against: 'tshark -T fields',
      againstValue: 24_000,
      ratio: 213.5,
      target: 5_000_000,
    });
  });

  it('says null where there is nothing', () => {
    expect(toRecord(ABSENT)).toMatchObject({ against: 'Suricata', againstValue: null, ratio: null });
    expect(toRecord({ ...ALONE, target: undefined } as unknown as Figure)).toMatchObject({
      against: null,
      target: null,
    });
  });

  it('is one of an array in the file of --json', () => {
    const outcome: BenchOutcome = {
      bench: 'decode',
      state: 'measured',
      figures: [MEASURED, ALONE],
      seconds: 1,
      loadBefore: 0,
    };
    const file = join(folder, 'deep', 'figures.json');
    writeRecords(file, [outcome, { ...outcome, bench: 'live', state: 'absent', reason: 'no root', figures: [] }]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([toRecord(MEASURED), toRecord(ALONE)]);
  });
});

describe('a report that a run of some benches completes', () => {
  const machine: MachineDescription = {
    commit: 'abc',
    version: '1',
    time: '2026-01-01T00:00:00.000Z',
    cpu: 'a cpu',
    cores: 2,
    memoryBytes: 2 ** 30,
    system: 'linux',
    node: 'v20',
    tools: {},
    loadBefore: 0,
  };
  const outcomes: BenchOutcome[] = ['decode', 'store'].map((bench) => ({
    bench,
    state: 'measured',
    figures: [{ ...MEASURED, name: bench }],
    seconds: 1,
    loadBefore: 0,
  }));
  const partial = join(folder, 'partial');
  writeReport(partial, machine, readRequest([]).scale, outcomes);
  const kept = (now: Partial<MachineDescription>, folderOf = partial): string[] =>
    outcomesToKeep(folderOf, { ...machine, ...now }, ['store']).map(({ bench }) => bench);

  it('keeps what is not measured again', () => {
    expect(kept({})).toEqual(['decode']);
    // The results themselves are a change to the commit that they were measured at.
    expect(kept({ commit: 'abc+' })).toEqual(['decode']);
  });

  it('keeps nothing of another commit or machine, and needs no report', () => {
    expect(kept({ commit: 'abd' })).toEqual([]);
    expect(kept({ cpu: 'another' })).toEqual([]);
    expect(kept({ cores: 4 })).toEqual([]);
    expect(kept({}, join(folder, 'nowhere'))).toEqual([]);
  });
});

describe('isReached', () => {
  it('knows which way is better', () => {
    expect(isReached(MEASURED)).toBe(true);
    expect(isReached(ALONE)).toBe(false);
    expect(isReached({ ...ALONE, value: 5 })).toBe(true);
    expect(isReached({ value: 1, better: 'higher' })).toBeNull();
  });
});

describe('ratioOf', () => {
  it('does not divide by nothing', () => {
    expect(ratioOf({ value: 1, against: { name: 'tcpdump', value: 0, note: '' } })).toBeNull();
  });
});

describe('formatTable', () => {
  const table = formatTable([MEASURED, ALONE, ABSENT]);

  it('shows what was measured, what is to be reached and what stands beside it', () => {
    expect(table).toMatch(
      /decode +│ +5,123,457 │ packets\/s │ +≥ 5,000,000 reached │ tshark -T fields │ +24,000 │ +× 214/,
    );
    expect(table).toMatch(/recovery +│ +6\.2 │ s +│ +≤ 5 missed/);
    expect(table).toMatch(/analyze.*Suricata +│ +absent/);
  });

  it('says of each what it is, how far its runs were apart, and what its yardstick does', () => {
    expect(table).toContain(
      'decode: From the page cache. Median of 3 runs, 4 % apart.\n  tshark -T fields: dissects everything.',
    );
  });
});

describe('formatValue', () => {
  it('keeps what is significant', () => {
    expect([0, 0.012345, 7.126, 99.96, 1234.5, 5_123_456].map(formatValue)).toEqual([
      '0',
      '0.0123',
      '7.13',
      '100',
      '1,235',
      '5,123,456',
    ]);
  });
});

describe('renderChart', () => {
  it('draws rates only, one axis for all, and escapes what it is given', () => {
    const chart = renderChart([MEASURED, ALONE, { ...ABSENT, name: 'a<b' }], 'nta & others');
    expect(chart).toContain('>decode<');
    expect(chart).not.toContain('>recovery<');
    expect(chart).toContain('a&lt;b');
    expect(chart).toContain('nta &amp; others');
    expect(chart).not.toMatch(/NaN|Infinity/);
    expect(chart.match(/<rect/g)).toHaveLength(4);
  });

  it('grows with the value', () => {
    const width = (value: number): number =>
      Number(/<rect[^>]* width="([\d.]+)"/.exec(renderChart([{ ...MEASURED, value }, ABSENT], ''))![1]);
    expect(width(6_000_000)).toBeGreaterThan(width(60_000));
  });

  it('stands for itself when nothing was measured', () => {
    expect(renderChart([], 'nothing')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  });
});

describe('the command line', () => {
  it('takes names in the order of the catalogue, and all when there are none', () => {
    expect(readRequest(['codec', 'decode']).names).toEqual(['decode', 'codec']);
    expect(readRequest([]).names).toContain('whole');
  });

  it('scales', () => {
    expect(readRequest(['--quick']).scale).toEqual({
      quick: true,
      full: false,
      seconds: 5,
      packets: 100_000,
      repeats: 1,
      profileFolder: null,
    });
    expect(readRequest(['--packets', '500', '--seconds=7', '--repeats=5']).scale).toMatchObject({
      packets: 500,
      seconds: 7,
      repeats: 5,
    });
  });

  it('refuses what it does not know', () => {
    expect(() => readRequest(['decoed'])).toThrow(/there is no bench decoed; there are .*decode/);
    expect(() => readRequest(['--packets=many'])).toThrow(/--packets: "many" must be/);
  });

  it('has every bench in the README', () => {
    const readme = readFileSync(join(projectRoot, 'test', 'bench', 'README.md'), 'utf8');
    for (const name of readRequest([]).names) expect(readme).toMatch(new RegExp(`^\\| \`${name}\` +\\|`, 'm'));
  });
});
