/** What the READMEs say of figures is what the committed report says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillSections } from '../../deploy/reference/reference.js';
import { projectRoot } from '../../runtime/process/project.js';
import { COMMITTED_RESULTS, documentedSections, readCommittedReport } from './committed-results.js';
import { limitOf } from './limits.js';
import { describeRun } from './report.js';

const report = readCommittedReport();

describe('the committed results', () => {
  for (const [name, sections] of Object.entries(documentedSections(report))) {
    it(`are what ${name} says; npm run bench -- --readme writes it`, () => {
      const document = readFileSync(join(projectRoot, name), 'utf8');
      expect(document).toBe(fillSections(document, sections));
    });
  }

  it('are those of the chart', () => {
    const chart = readFileSync(join(COMMITTED_RESULTS, 'chart.svg'), 'utf8');
    expect(chart).toContain(describeRun(report.machine));
  });

  it('come with a reason for each target that could be missed', () => {
    const targets = report.benches.flatMap(({ figures }) => figures.filter(({ target }) => target !== undefined));
    expect(targets.length).toBeGreaterThan(0);
    for (const { name } of targets) expect(limitOf(name), name).toBeDefined();
  });

  it('name a figure that is not there instead of leaving it out', () => {
    const without = { ...report, benches: report.benches.filter(({ bench }) => bench !== 'cost') };
    expect(() => documentedSections(without)).toThrow(/no figure cost-.*run the bench that measures it/);
  });

  it('name a bench that failed', () => {
    const failed = {
      ...report,
      benches: [
        ...report.benches,
        { ...report.benches[0]!, bench: 'x', state: 'failed' as const, reason: 'no disk\nat …', figures: [] },
      ],
    };
    expect(documentedSections(failed)['test/bench/README.md']!['targets']).toContain('- `x` failed: no disk');
  });
});
