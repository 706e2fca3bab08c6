import { describe, expect, it } from 'vitest';
import { type SyslogHeader, syslogMessage } from '../../../../sinks/deliveries/syslog/message.js';
import { alertEvent } from '../../../support/alert-events.js';

const HEADER: SyslogHeader = { facility: 'local0', hostName: 'sensor-1.example', version: '1.2.3' };

const text = (...args: Parameters<typeof syslogMessage>): string => syslogMessage(...args).toString();

describe('syslogMessage', () => {
  it('has the header of RFC 5424 and the alert as JSON', () => {
    const document = alertEvent(2);
    const message = text(document, 'ecs', HEADER);
    const [head, json] = message.split(/ (?=\{)/s) as [string, string];
    expect(head).toBe('<132>1 2026-01-01T00:00:02.000001Z sensor-1.example nta - port-scan -');
    expect(JSON.parse(json)).toEqual(document);
  });

  it('maps severities and facilities', () => {
    const priorities = ([1, 2, 3, 4, 5] as const).map(
      (severity) => /^<(\d+)>/.exec(text(alertEvent(1, { severity }), 'ecs', { ...HEADER, facility: 'authpriv' }))![1],
    );
    expect(priorities).toEqual(['86', '85', '84', '83', '82']);
    expect(text(alertEvent(1), 'ecs', { ...HEADER, facility: 'local7' })).toMatch(/^<188>1 /);
  });

  it('keeps out of the header what it may not hold', () => {
    const header = { ...HEADER, hostName: ` bad\thost\u00e4${'x'.repeat(300)}` };
    expect(text(alertEvent(1), 'ecs', header).split(' ')[2]).toBe(`badhost${'x'.repeat(248)}`);
    expect(text(alertEvent(1), 'ecs', { ...HEADER, hostName: 'ä' }).split(' ')[2]).toBe('-');
  });

  it('is one line, whatever the alert says', () => {
    const document = { ...alertEvent(1), message: 'two\nlines | and = a \\ slash' };
    for (const format of ['ecs', 'cef'] as const) expect(text(document, format, HEADER)).not.toMatch(/[\r\n]/);
    const cef = text(document, 'cef', HEADER);
    expect(cef).toContain('|two lines \\| and = a \\\\ slash|6|');
  });

  it('writes CEF, with addresses of version 6 in the fields for them', () => {
    const base = alertEvent(3, { status: 'closed', severity: 4 });
    const document = {
      ...base,
      event: { ...base.event, reason: 'a=b' },
      source: { ip: '2001:db8::1', address: '2001:db8::1' },
      destination: { ip: '198.51.100.7', port: 22 },
    };
    const [, cef] = text(document, 'cef', HEADER).split(' - port-scan - ') as [string, string];
    expect(cef).toBe(
      'CEF:0|nta|nta|1.2.3|port-scan|event 3|8|rt=1767225603000 start=1767225600000 end=1767225609000 ' +
        'externalId=episode-1-3 cat=nta.alerts act=close reason=a\\=b cnt=30 c6a2Label=Source IPv6 Address c6a2=2001:db8::1 ' +
        'dst=198.51.100.7 dpt=22 dvchost=node-1,node-2 cs1Label=alertId cs1=episode-1 cs2Label=technique cs2=T1046 ' +
        'cs3Label=status cs3=closed cn1Label=sequence cn1=3',
    );
  });
});
