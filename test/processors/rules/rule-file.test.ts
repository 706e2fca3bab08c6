/** Rules without code: what a file may say, and that it finds what it says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DetectionEngine } from '../../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS } from '../../../processors/engine/engine.js';
import { checkDetectionConfig } from '../../../processors/processor.js';
import { conversationFilter } from '../../../processors/rules/conversation-filter.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import { loadRules } from '../../../processors/rules/detection-settings.js';
import { parseRuleFile } from '../../../processors/rules/rule-file.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { conversationBlock, type TestConversation } from '../../support/conversation-blocks.js';

const START = Date.UTC(2026, 0, 1) * 1000;
const folder = mkdtempSync(join(tmpdir(), 'nta-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SMB = `rules:
  - id: smb-outside
    name: SMB to the outside
    filter: port 445 and proto tcp and not dst 10.0.0.0/8
    key: source
    measure: distinct targets
    threshold: 3
    window: 60s
    severity: medium
    message: "{source} spoke SMB to {value} hosts in {window}"
    technique: T1021.002
`;

function alertsOf(text: string, conversations: readonly TestConversation[], end?: number): readonly AlertDocument[] {
  const result = parseRuleFile(text, 'rules.yaml', new Set());
  if (!result.ok) throw new Error(result.errors.join('\n'));
  const engine = new DetectionEngine(defaultRules(result.detectors), DEFAULT_ENGINE_LIMITS);
  for (const conversation of conversations) engine.process(new PacketBlock(0), 0, 0, conversationBlock([conversation]));
  if (end !== undefined) engine.endTimeline('', end);
  return engine.takeAlerts();
}

function errorsOf(text: string, known: readonly string[] = []): readonly string[] {
  const result = parseRuleFile(text, 'rules.yaml', new Set(known));
  return result.ok ? [] : result.errors;
}

const call = (i: number, more: Partial<TestConversation> = {}): TestConversation => ({
  start: START + i * 1e6,
  originatorPort: 40_000 + i,
  responder: `198.51.100.${i}`,
  responderPort: 445,
  ...more,
});

describe('a rule of a file', () => {
  it('finds what its filter and its measure say, in its words', () => {
    const alerts = alertsOf(SMB, [
      call(1),
      call(2, { responder: '10.1.1.1' }), // inside
      call(3),
      call(4, { responderPort: 443 }), // another port
      call(5, { responder: '198.51.100.3' }), // known already
      call(6),
      call(7, { originator: '10.0.0.2' }), // another source
    ]);
    expect(
      alerts.map(({ event, rule, source, message, threat }) => [
        event.action,
        rule.id,
        event.severity,
        source.ip,
        message,
        threat.technique.id,
      ]),
    ).toEqual([['open', 'smb-outside', 3, '10.0.0.1', '10.0.0.1 spoke SMB to 3 hosts in 1m', ['T1021.002']]]);
    // Its window: three within two minutes are none.
    expect(alertsOf(SMB, [call(1), call(50), call(100)])).toEqual([]);
  });

  it('says how many there were, far beyond its threshold too', () => {
    const calls = Array.from({ length: 40 }, (_, i) => call(i, { responder: `198.51.100.${i}` }));
    expect(alertsOf(SMB, calls, START + 60e6).at(-1)?.message).toBe('10.0.0.1 spoke SMB to 40 hosts in 1m');
    const many = Array.from({ length: 1_100 }, (_, i) => call(0, { responder: `198.51.${i >> 8}.${i & 255}` }));
    expect(alertsOf(SMB, many, START + 60e6).at(-1)?.message).toBe('10.0.0.1 spoke SMB to at least 1024 hosts in 1m');
  });

  it.each([
    ['count', 'count', 4, [call(1), call(1), call(2), call(3), call(4)], 4],
    [
      'distinct ports',
      'distinct ports',
      3,
      [1, 2, 2, 3].map((port, i) => call(i, { responder: '198.51.100.1', responderPort: port })),
      3,
    ],
    [
      'distinct names',
      'distinct names',
      2,
      ['a.example', 'A.example', '', 'b.example'].map((serverName, i) =>
        call(i, { names: serverName === '' ? null : { serverName } }),
      ),
      2,
    ],
    ['sum sent', 'sum sent', 1500, [call(1), call(2), call(3)], 1800],
    [
      'totals of an open conversation once',
      'sum bytes',
      9000,
      [
        { ...call(1), event: 2, bytes: [1000, 0] as const },
        { ...call(1), event: 2, bytes: [5000, 0] as const },
        { ...call(1), last: START + 5e6, bytes: [9000, 0] as const },
      ],
      9000,
    ],
  ])('measures %s', (_, measure, threshold, conversations, peak) => {
    const text = `rules: [{ id: own, filter: "", key: source, measure: ${measure}, threshold: ${threshold}, window: 1h, severity: 2 }]`;
    const alerts = alertsOf(text, conversations);
    expect(alerts).toHaveLength(1);
    expect(alerts[0]!.nta.alert.evidence.peak).toBe(peak);
  });

  it('is keyed by source, target or pair', () => {
    const text = (key: string): string =>
      `rules: [{ id: own, filter: "", key: ${key}, measure: count, threshold: 2, window: 60, severity: low }]`;
    const conversations = [
      call(1, { originator: '10.0.0.1', responder: '203.0.113.1' }),
      call(2, { originator: '10.0.0.2', responder: '203.0.113.1' }),
      call(3, { originator: '10.0.0.2', responder: '203.0.113.2' }),
      call(4, { originator: '10.0.0.3', responder: '203.0.113.3' }),
      call(5, { originator: '10.0.0.3', responder: '203.0.113.3' }),
    ];
    const who = (key: string): unknown[] =>
      alertsOf(text(key), conversations).map(({ source, destination }) => [source.address, destination?.ip]);
    expect(who('source')).toEqual([
      ['10.0.0.2', undefined],
      ['10.0.0.3', '203.0.113.3'],
    ]);
    expect(who('target')).toEqual([
      ['many', '203.0.113.1'],
      ['10.0.0.3', '203.0.113.3'],
    ]);
    expect(who('pair')).toEqual([['10.0.0.3', '203.0.113.3']]);
  });

  it('is refused with every line and what would be right', () => {
    expect(errorsOf(SMB.replace('port 445', 'prt 445'))).toEqual([
      expect.stringMatching(/^rules\.yaml:4: rules\.0\.filter: at character 1: .*port/),
    ]);
    expect(
      errorsOf(
        SMB.replace('key: source', 'key: mac').replace('threshold: 3', 'threshold: none').replace('60s', 'soon'),
      ),
    ).toEqual([
      'rules.yaml:5: rules.0.key: must be one of source, target, pair',
      'rules.yaml:7: rules.0.threshold: must be a whole number from 1',
      expect.stringMatching(/^rules\.yaml:8: rules\.0\.window: must be a duration from 1s to 7d/),
    ]);
    expect(errorsOf(SMB.replace('    severity: medium\n', ''))).toEqual([
      expect.stringMatching(/^rules\.yaml:2: rules\.0\.severity: must be 1 to 5/),
    ]);
    expect(errorsOf(SMB.replace('severity:', 'severty:')).join('\n')).toMatch(
      /rules\.yaml:9: rules\.0\.severty: is unknown; known here: id, name/,
    );
    expect(errorsOf(SMB.replace('{source}', '{who}'))).toEqual([
      expect.stringMatching(/:10: rules\.0\.message: may name \{source\}/),
    ]);
    expect(errorsOf(SMB, ['smb-outside'])).toEqual([
      expect.stringMatching(/:2: rules\.0\.id: there is a rule smb-outside already/),
    ]);
    expect(errorsOf('rules: [')).toHaveLength(1);
    expect(errorsOf('')).toEqual([expect.stringMatching(/^rules\.yaml:1: rules: /)]);
  });

  it('comes into force with the others, and its settings may be changed by --detection-config', async () => {
    const file = join(folder, 'own.yaml');
    const configuration = join(folder, 'detection.yaml');
    writeFileSync(file, SMB);
    writeFileSync(
      configuration,
      'detectors:\n  smb-outside:\n    threshold: 7\n    exceptions: [{ sources: [10.9.0.0/16] }]\n',
    );
    const { rules } = await loadRules({ detectionConfig: configuration, detector: [], rules: [file] });
    expect(rules.find(({ detector }) => detector.id === 'smb-outside')).toMatchObject({
      threshold: 7,
      windowMicros: 60e6,
      severity: 3,
    });
    await checkDetectionConfig({ detectionConfig: configuration, detector: [], rules: [file] });
    await expect(loadRules({ detectionConfig: '', detector: [], rules: [join(folder, 'none.yaml')] })).rejects.toThrow(
      /--rules .*none\.yaml: cannot be read/,
    );
  });
});

it.each([
  ['host 10.0.0.0/24', true],
  ['src 10.0.0.1 and dst 192.0.2.1', true],
  ['src 192.0.2.1', false],
  ['port 443', true],
  ['sport 443', false],
  ['dport >= 400 and dport < 500', true],
  ['proto tcp', true],
  ['proto udp or proto tls', true],
  ['service tls', true],
  ['service unknown', false],
  ['state SF', true],
  ['outcome refused', false],
  ['name www.example.org', true],
  ['dns.name ~ "*.example.org"', true],
  ['name *.org', true],
  ['name example.org', false],
  ['ja4 t13d1516h2_8daaf6152771_02713d6af862', true],
  ['user root', false],
  ['bytes >= 4600 packets 9', true],
  ['min_duration 0.5 max_duration 0.5', true],
  ['duration 0', true],
  ['vlan 0', false],
  ['open false', true],
  ['node node-1 iface eth0', true],
  ['site branch', false],
  ['not (port 443 or port 80)', false],
  ['community_id "1:LQU9qZlK+B5F3KDmev6m5PMibrg="', false],
])('the filter %s of a conversation is %s', (search, expected) => {
  const block = conversationBlock([
    { start: START, names: { serverName: 'WWW.example.org', ja4: 't13d1516h2_8daaf6152771_02713d6af862' } },
  ]);
  expect(conversationFilter(search)(block, 0)).toBe(expected);
});
