import { describe, expect, test } from 'vitest';
import type { DetectionRule } from '../../../processors/contract/rule.js';
import { builtInDetectors } from '../../../processors/detectors/built-in.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import {
  detectionConfigurationSchema,
  parseDetectionConfiguration,
} from '../../../processors/rules/detection-configuration.js';
import type { ExceptionList } from '../../../processors/rules/exceptions.js';
import { detectorSettings } from '../../../processors/rules/settings-table.js';

function rule(text: string, detector: string): DetectionRule | undefined {
  const result = parseDetectionConfiguration(text, 'rules.yaml');
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.rules.rules.find((candidate) => candidate.detector.id === detector);
}

function errors(text: string): readonly string[] {
  const result = parseDetectionConfiguration(text, 'rules.yaml');
  return result.ok ? [] : result.errors;
}

describe('a configuration', () => {
  test('that says nothing gives the defaults', () => {
    for (const text of [
      '',
      '# nothing\n',
      'detectors:\n',
      'detectors: {}\nexceptions: []\n',
      'detectors:\n  port-scan:\n',
    ]) {
      expect(parseDetectionConfiguration(text, 'rules.yaml')).toEqual({ ok: true, rules: defaultRules() });
    }
  });

  test('changes thresholds, windows, severities and the options of a detector', () => {
    const text = `
detectors:
  port-scan: { threshold: 15, window: 90s, severity: critical, stealthProbes: false }
  brute-force: { window: 120, severity: 1, loginPorts: [2222, 5900-5902] }
`;
    expect(rule(text, 'port-scan')).toMatchObject({
      threshold: 15,
      windowMicros: 90e6,
      severity: 5,
      options: { stealthProbes: false, udpProbes: true },
    });
    expect(rule(text, 'brute-force')).toMatchObject({
      threshold: 20,
      windowMicros: 120e6,
      severity: 1,
      options: { loginPorts: [2222, 5900, 5901, 5902] },
    });
    expect(rule(text, 'syn-flood')).toEqual(defaultRules().rules.find(({ detector }) => detector.id === 'syn-flood'));
  });

  test('switches a detector off', () => {
    expect(rule('detectors: { syn-flood: { enabled: false } }', 'syn-flood')).toBeUndefined();
  });

  test('has exceptions for all detectors and for one', () => {
    const text = `
exceptions: [{ sources: [10.0.0.5], comment: scanner }]
detectors: { port-scan: { exceptions: [{ ports: [443] }] } }
`;
    expect((rule(text, 'port-scan')!.exceptions as ExceptionList).exceptions).toEqual([
      { sources: ['10.0.0.5'] },
      { ports: [443] },
    ]);
    expect((rule(text, 'syn-flood')!.exceptions as ExceptionList).exceptions).toEqual([{ sources: ['10.0.0.5'] }]);
  });
});

describe('errors name the line and the field', () => {
  test.each([
    [
      'detectors:\n  port-scan:\n    threshold: 1\n',
      'rules.yaml:3: detectors.port-scan.threshold: must be a whole number from 2 to 1000',
    ],
    [
      'detectors:\n  port-scan:\n    window: 2x\n',
      'rules.yaml:3: detectors.port-scan.window: must be a duration from 1s to 1h, such as 90s or 5m',
    ],
    [
      'detectors:\n  port-scan:\n    severity: urgent\n',
      'rules.yaml:3: detectors.port-scan.severity: must be 1 to 5, or informational, low, medium, high or critical',
    ],
    [
      'detectors:\n  port-scan:\n    treshold: 5\n',
      'rules.yaml:3: detectors.port-scan.treshold: is unknown; known here: enabled, threshold, window, severity, exceptions, stealthProbes, udpProbes',
    ],
    [
      'detectors:\n  portscan: {}\n',
      `rules.yaml:2: detectors.portscan: is unknown; known here: ${builtInDetectors.map(({ id }) => id).join(', ')}`,
    ],
    ['detector: {}\n', 'rules.yaml:1: detector: is unknown; known here: detectors, exceptions'],
    [
      'exceptions:\n  - sources: [10.0.0.5]\n  - sources:\n      - 10.0.0.0/33\n',
      'rules.yaml:4: exceptions.1.sources.0: "10.0.0.0/33" is no network, such as 192.0.2.0/24 or 2001:db8::/32',
    ],
    ['exceptions:\n  - sources: [10.1]\n', 'rules.yaml:2: exceptions.0.sources.0: must be an address or a network'],
    [
      'exceptions:\n  - sources: ["10.1"]\n',
      'rules.yaml:2: exceptions.0.sources.0: "10.1" is no address and no network, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32',
    ],
    [
      'exceptions:\n  - comment: all\n',
      'rules.yaml:2: exceptions.0: must name at least one of sources, targets, ports, captureNodes, sites, hours and rules; without any it would except everything',
    ],
    [
      'exceptions:\n  - sources: [10.0.0.5]\n    rules:\n      - port-scan\n      - portscan\n',
      `rules.yaml:5: exceptions.0.rules.1: must be the id of a rule; known here: ${builtInDetectors.map(({ id }) => id).join(', ')}`,
    ],
    [
      'exceptions:\n  - hours: { from: "22:00", until: "05:00", to: "05:00", zone: UTC }\n',
      'rules.yaml:2: exceptions.0.hours.until: is unknown; known here: from, to, zone, days',
    ],
    [
      'exceptions:\n  - ports: [80, 9-8]\n',
      'rules.yaml:2: exceptions.0.ports.1: must be a port from 0 to 65535, or a range such as 8000-8100',
    ],
    [
      'detectors:\n  arp-spoofing:\n    virtualMacs: [zz]\n',
      'rules.yaml:3: detectors.arp-spoofing.virtualMacs.0: must be a MAC or how one begins, such as 00:00:5e:00:01',
    ],
    ['detectors: {}\ndetectors: {}\n', 'rules.yaml:2: Map keys must be unique'],
  ])('%j', (text, error) => {
    expect(errors(text)).toEqual([error]);
  });

  test('all at once', () => {
    const found = errors(
      'detectors:\n  port-scan: { threshold: 0 }\n  syn-flood: { enabled: 7, window: 0s }\nnothing: 1\n',
    );
    expect(found.map((line) => line.split(': ', 2).join(' '))).toEqual([
      'rules.yaml:2 detectors.port-scan.threshold',
      'rules.yaml:3 detectors.syn-flood.enabled',
      'rules.yaml:3 detectors.syn-flood.window',
      'rules.yaml:4 nothing',
    ]);
  });

  test.each(['[', 'a: b: c', '- 1', '7', '"text"', '{{', '\t- x', '!!js/function x: 1'])(
    'and nothing else comes of %j',
    (text) => {
      expect(errors(text)[0]).toMatch(/^rules\.yaml:1: ./);
    },
  );
});

test('every option of every detector is in the schema and in the table', () => {
  const schema = JSON.stringify(detectionConfigurationSchema());
  const settings = detectorSettings();
  for (const { detector } of defaultRules().rules) {
    for (const name of ['threshold', 'window', 'severity', ...Object.keys(detector.options)]) {
      expect(schema).toContain(`"${name}"`);
      expect(settings).toContainEqual(expect.objectContaining({ detector: detector.id, name }));
    }
  }
  expect(settings.find(({ detector, name }) => detector === 'brute-force' && name === 'loginPorts')).toEqual({
    detector: 'brute-force',
    name: 'loginPorts',
    default: '21, 22, 23, 25, 110, 143, 3389',
    limits: 'ports and ranges',
    help: 'ports of login services',
  });
});
