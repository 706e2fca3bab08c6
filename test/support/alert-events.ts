/** Alert documents as the processors publish them, for tests of what reads the topic `alerts`. */
import type { AlertDocument, Severity } from '../../schemas/alerts/alert.js';

export interface AlertEventChanges {
  /** Of the episode. */
  readonly id?: string;
  readonly source?: string;
  readonly status?: 'open' | 'closed';
  readonly severity?: Severity;
}

/** An event of an episode: sequence 1 opens it. */
export function alertEvent(sequence: number, changes: AlertEventChanges = {}): AlertDocument {
  const status = changes.status ?? 'open';
  const id = changes.id ?? 'episode-1';
  const source = changes.source ?? '192.0.2.1';
  return {
    '@timestamp': `2026-01-01T00:00:${String(sequence).padStart(2, '0')}.000001Z`,
    ecs: { version: '8.17.0' },
    message: `event ${sequence}`,
    event: {
      id: `${id}-${sequence}`,
      kind: 'alert',
      category: ['network'],
      type: ['info'],
      action: status === 'closed' ? 'close' : sequence === 1 ? 'open' : 'update',
      module: 'nta',
      dataset: 'nta.alerts',
      severity: changes.severity ?? 3,
      start: '2026-01-01T00:00:00.000001Z',
      end: '2026-01-01T00:00:09.000001Z',
      reason: 'many ports',
    },
    rule: { id: 'port-scan', name: 'Port scan', version: '1' },
    source: { ip: source, address: source },
    threat: { framework: 'MITRE ATT&CK', technique: { id: ['T1046'], name: ['Network Service Discovery'] } },
    observer: { name: ['node-1', 'node-2'], product: 'nta', type: 'sensor' },
    related: { ip: [source] },
    nta: {
      alert: {
        id,
        sequence,
        status,
        severity_name: 'medium',
        crossed: '2026-01-01T00:00:01.000001Z',
        threshold: 10,
        window_seconds: 60,
        ...(status === 'closed' ? { close_reason: 'quiet' } : {}),
        evidence: {
          first_seen: '2026-01-01T00:00:00.000001Z',
          last_seen: `2026-01-01T00:00:${String(sequence).padStart(2, '0')}.000001Z`,
          packets: 10 * sequence,
          peak: 10,
          rate: 1,
        },
      },
    },
  };
}
