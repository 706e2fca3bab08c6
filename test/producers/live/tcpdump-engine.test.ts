/** tcpdump where it may not be run: in a container that lacks the capability which its program file has. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../../runtime/process/project.js';
import { findTool, requireCondition, requireTool } from '../../support/requirement.js';

it('is taken for absent, and nothing breaks', (context) => {
  requireTool(context, 'tcpdump', 'setcap', 'setpriv');
  requireCondition(context, process.getuid?.() === 0, 'needs root to give a file a capability');
  const folder = mkdtempSync(join(tmpdir(), 'nta-tcpdump-'));
  try {
    const program = join(folder, 'tcpdump');
    copyFileSync(findTool('tcpdump')!, program);
    execFileSync(findTool('setcap')!, ['cap_net_raw+ep', program]);
    const script = `
      const engine = await import(${JSON.stringify(join(projectRoot, 'dist', 'producers', 'live', 'tcpdump-engine.js'))});
      await engine.checkPacketFilter('tcp port 22');
      console.log(await engine.tcpdumpVersion());`;
    const output = execFileSync(
      findTool('setpriv')!,
      ['--bounding-set=-all', '--inh-caps=-all', process.execPath, '--input-type=module', '-e', script],
      { encoding: 'utf8', env: { PATH: folder } },
    );
    expect(output.trim()).toBe('null');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
