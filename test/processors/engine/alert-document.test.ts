import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../runtime/process/project.js';
import { type BuiltPacket, detect } from '../../support/detection.js';

const START = 1_767_225_600_000_000;

const schema = JSON.parse(readFileSync(join(projectRoot, 'schemas/alerts/alert.schema.json'), 'utf8')) as object;
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);

const common = { destination: '198.51.100.1', ipProtocol: 6, tcpFlags: 2, sourcePort: 4000 };
const packets: readonly BuiltPacket[] = [
  ...Array.from({ length: 400 }, (_, i) => ({
    ...common,
    time: START + i,
    source: i % 2 === 0 ? '192.0.2.1' : '2001:db8::1',
    destinationPort: i % 3 === 0 ? 22 : 1000 + i,
  })),
  ...['02:00:00:00:00:01', '02:00:00:00:00:02'].map((senderMac, i) => ({
    time: START + 1000 + i,
    source: '192.0.2.9',
    destination: '',
    arp: { senderMac, senderAddress: '192.0.2.9' },
  })),
];

test('every event of every detector is what the schema of alerts says', () => {
  const alerts = detect(packets, undefined, { ipv6PrefixBits: 64 });
  const events = new Set(alerts.map((alert) => `${alert.rule.id} ${alert.event.action}`));
  expect(events.size).toBe(11); // three for each, but ARP spoofing goes on for too short a time to be updated
  for (const alert of alerts) {
    validate(JSON.parse(JSON.stringify(alert)));
    expect(validate.errors, alert.message).toBeNull();
  }
});
