/** Every alert that the engine makes of the committed captures is one that `alert.schema.json` describes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { Analysis } from '../../../processors/analysis.js';
import { ConversationTracker } from '../../../producers/conversations/conversation-tracker.js';
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import { projectRoot } from '../../../runtime/process/project.js';
import { type AlertDocument, formatTimestamp } from '../../../schemas/alerts/alert.js';

const schema = JSON.parse(readFileSync(join(projectRoot, 'schemas', 'alerts', 'alert.schema.json'), 'utf8')) as object;
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);
const fixtures = join(projectRoot, 'test', 'fixtures');

async function alertsOf(file: string): Promise<AlertDocument[]> {
  const analysis = new Analysis();
  const alerts: AlertDocument[] = [];
  await decodeCapture(file, { conversations: new ConversationTracker(), captureNode: 'test' }, (block) => {
    alerts.push(...analysis.process(block));
  });
  return [...alerts, ...analysis.finish()];
}

describe('alert.schema.json', () => {
  it('describes the alerts of every committed capture', async () => {
    const rules = new Set<string>();
    for (const name of readdirSync(fixtures).filter((file) => file.endsWith('.pcap'))) {
      for (const alert of await alertsOf(join(fixtures, name))) {
        rules.add(alert.rule.id);
        expect(validate(alert), JSON.stringify(validate.errors)).toBe(true);
      }
    }
    expect([...rules].sort()).toEqual(['arp-spoofing', 'brute-force', 'port-scan', 'syn-flood']);
  });

  it('refuses an alert with a field that is not in the contract', async () => {
    const [alert] = await alertsOf(join(fixtures, 'port-scan-syn.pcap'));
    expect(validate({ ...alert, mood: 'grim' })).toBe(false);
    expect(validate({ ...alert, event: { ...alert!.event, severity: 6 } })).toBe(false);
  });
});

describe('formatTimestamp', () => {
  it('gives ISO 8601 with µs', () => {
    expect(formatTimestamp(1_767_225_621_080_001)).toBe('2026-01-01T00:00:21.080001Z');
    expect(formatTimestamp(0)).toBe('1970-01-01T00:00:00.000000Z');
  });
});
