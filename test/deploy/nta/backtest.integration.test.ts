/** `nta backtest`: what rules would have said, over captures and over stored conversations. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../runtime/process/project.js';
import { ConversationRows } from '../../../sinks/conversations/conversation-rows.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { conversationBlock } from '../../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../../support/conversation-rows.js';
import { createTestDatabase, stackEnvironment, type TestDatabase, testLog } from '../../support/local-stack.js';
import { runNta } from '../../support/nta-command.js';

const SCAN = join(projectRoot, 'test', 'fixtures', 'port-scan-syn.pcap');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-backtest-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Line {
  readonly verdict: string;
  readonly alert: { readonly rule: { readonly id: string }; readonly source: { readonly ip: string } };
}
const linesOf = (output: string): Line[] =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

it('runs rules over captures: what is new, what stays and what would be gone', async () => {
  const rules = file(
    'refused.yaml',
    'rules: [{ id: many-refused, filter: outcome refused, key: source, measure: distinct ports, threshold: 10, window: 60s, severity: low }]',
  );
  const added = await runNta(['backtest', `--rules=${rules}`, `--capture=${SCAN}`, '--format=json']);
  expect(added.code, added.stderr).toBe(0);
  const lines = linesOf(added.stdout);
  expect(new Set(lines.map(({ verdict, alert }) => `${verdict} ${alert.rule.id}`))).toEqual(
    new Set(['new many-refused']),
  );
  const stricter = file(
    'stricter.yaml',
    'detectors:\n  port-scan: { threshold: 20 }\n  syn-flood: { enabled: false }\n',
  );
  const changed = await runNta(['backtest', `--detection-config=${stricter}`, `--capture=${SCAN}`, '--json']);
  expect(changed.code, changed.stderr).toBe(0);
  expect(new Set(linesOf(changed.stdout).map(({ alert }) => alert.rule.id))).toContain('port-scan');
  expect(linesOf(changed.stdout).find(({ alert }) => alert.rule.id === 'port-scan')!.verdict).toBe('same');
  const refused = await runNta(['backtest', `--rules=${rules}`]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/give --capture FILE or --hours N/);
});

describe('over stored conversations', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate(database.settings, testLog());
    const { host, port, user, password, database: name } = database.connection;
    const client = new pg.Client({ host, port, user, password, database: name });
    await client.connect();
    const origin = await createOrigin(client);
    const start = (Date.now() - 3_600_000) * 1000;
    const rows = new ConversationRows();
    const block = conversationBlock(
      Array.from({ length: 6 }, (_, i) => ({
        start: start + i * 1e6,
        responder: `203.0.113.${i}`,
        responderPort: 445,
      })),
    );
    for (let row = 0; row < block.count; row++) rows.take(block, row, origin, 0, row);
    await storeRows(client, rows);
    await client.end();
  });
  afterAll(() => database.remove());

  it('says what a rule would have said, and publishes nothing', async () => {
    const rules = file(
      'smb.yaml',
      'rules: [{ id: smb-outside, filter: port 445 and not dst 10.0.0.0/8, key: source, measure: distinct targets, threshold: 5, window: 60s, severity: high }]',
    );
    const { code, stdout, stderr } = await runNta(['backtest', `--rules=${rules}`, '--hours=24'], {
      env: stackEnvironment(undefined, database),
    });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/new .*4 high .*smb-outside .*10\.0\.0\.1/);
    expect(stdout).toMatch(/1 new, 0 as before, 0 no more/);
  });
});
