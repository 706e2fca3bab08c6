/** The scores themselves: an alert counts for an attack by rule, address and severity. */
import { expect, test } from 'vitest';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { LabelledCapture } from './labels.js';
import { falseAlerts, faultsOf, isFound } from './score.js';

function alert(rule: string, severity: number, source: string, related: readonly string[] = []): AlertDocument {
  return {
    message: `${rule} of ${source}`,
    event: { severity },
    rule: { id: rule },
    source: { ip: source, address: source },
    related: { ip: related },
  } as unknown as AlertDocument;
}

const attack: LabelledCapture = {
  path: 'a.pcap',
  label: 'port_scan',
  kind: 'behavioural',
  actors: ['10.0.0.5'],
  rules: ['port-scan', 'slow-scan'],
  seconds: 1,
};

test('an attack is found by a right rule that names its actor and asks for attention', () => {
  expect(isFound(attack, [alert('port-scan', 2, '10.0.0.5')])).toBe(true);
  expect(isFound(attack, [alert('slow-scan', 3, '10.0.0.9', ['10.0.0.5'])])).toBe(true);
  expect(isFound(attack, [alert('port-scan', 1, '10.0.0.5')])).toBe(false);
  expect(isFound(attack, [alert('syn-flood', 4, '10.0.0.5')])).toBe(false);
  expect(isFound(attack, [alert('port-scan', 3, '10.0.0.6')])).toBe(false);
  expect(isFound({ ...attack, rules: ['traceroute'] }, [alert('traceroute', 1, '10.0.0.5')])).toBe(true);
});

test('ordinary traffic is disturbed from severity 2 on, each message once', () => {
  const loud = alert('port-scan', 3, '10.0.0.5');
  expect(falseAlerts([loud, loud, alert('port-scan', 1, '10.0.0.6')])).toEqual(['port-scan (3) port-scan of 10.0.0.5']);
});

test('a case asks for what must be said and for what must not', () => {
  const one = {
    name: 'case',
    files: [],
    why: '',
    must: [{ rules: ['traceroute'], actors: ['10.0.0.5'], severity: 1 }],
    must_not: { rules: 'any' as const, severity: 2 },
  };
  expect(faultsOf(one, [alert('traceroute', 1, '10.0.0.5')])).toEqual([]);
  expect(faultsOf(one, [])).toEqual(['no traceroute of 10.0.0.5, severity 1 or more']);
  expect(faultsOf(one, [alert('traceroute', 1, '10.0.0.5'), alert('port-scan', 3, '10.0.0.5')])).toEqual([
    'should not be: port-scan (3) port-scan of 10.0.0.5',
  ]);
});
