import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AlertDocument, AlertEvidence } from '../../../schemas/alerts/alert.js';
import { compareProgress } from '../../../schemas/alerts/episode-progress.js';
import { readAlert, storeAlert } from '../../../sinks/alerts/alert-sink.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { alertEvent } from '../../support/alert-events.js';
import { type BuiltPacket, detect } from '../../support/detection.js';
import { createTestDatabase, type TestDatabase, testLog } from '../../support/local-stack.js';

describe('storeAlert', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate(database.settings, testLog());
    client = new pg.Client({ ...database.connection });
    await client.connect();
  });

  afterAll(async () => {
    await client?.end();
    await database?.remove();
  });

  beforeEach(async () => {
    await client.query('TRUNCATE alerts CASCADE');
  });

  const everything = async () => ({
    alerts: (await client.query('SELECT * FROM alerts ORDER BY id')).rows,
    events: (await client.query('SELECT * FROM alert_events ORDER BY id')).rows,
  });

  it('keeps the state of the latest event and the history of all', async () => {
    for (const event of [alertEvent(1), alertEvent(2), alertEvent(3, { status: 'closed' })]) {
      await storeAlert(client, event);
    }
    const { alerts, events } = await everything();
    expect(alerts).toMatchObject([
      {
        id: 'episode-1',
        sequence: 3,
        status: 'closed',
        close_reason: 'quiet',
        packets: '30',
        capture_nodes: ['node-1', 'node-2'],
        source_ip: '192.0.2.1',
      },
    ]);
    expect(events.map(({ sequence, action }) => [sequence, action])).toEqual([
      [1, 'open'],
      [2, 'update'],
      [3, 'close'],
    ]);
  });

  it('changes nothing when events come again, and leaves alone what people have done', async () => {
    const events = [alertEvent(1), alertEvent(2), alertEvent(3, { status: 'closed' })];
    for (const event of events) await storeAlert(client, event);
    await client.query(`UPDATE alerts SET resolved_at = '2026-01-02', resolved_by = 'ann', note = 'a test'`);
    const before = await everything();
    for (const event of events) await storeAlert(client, event);
    expect(await everything()).toEqual(before);
    await storeAlert(client, alertEvent(4));
    expect((await everything()).alerts).toMatchObject([{ sequence: 4, resolved_by: 'ann', note: 'a test' }]);
  });

  it('keeps the end state of an undisturbed run when a capture is played in part and again, in whatever order', async () => {
    const packets = (seconds: number, timeline: string): BuiltPacket[] =>
      Array.from({ length: seconds * 10 }, (_, index) => ({
        time: 1_767_225_600_000_000 + index * 100_000,
        source: '192.0.2.1',
        destination: '198.51.100.1',
        ipProtocol: 6,
        tcpFlags: 2,
        sourcePort: 4000,
        destinationPort: 1000 + index,
        timeline,
      }));
    const whole = detect(packets(9, 'replay/whole'));
    for (const event of whole) await storeAlert(client, event);
    // When it was stored is not what was stored.
    const state = async () =>
      (await client.query(`SELECT to_jsonb(alerts) - 'stored_at' - 'updated_at' AS alert FROM alerts`)).rows;
    const undisturbed = await state();
    expect(undisturbed).toHaveLength(1);
    const ended = detect(packets(4, 'replay/part'));
    // A node that was killed: its run is ended by the one that starts over.
    const killed = detect([...packets(2, 'replay/a'), ...packets(9, 'replay/b')]);
    expect(killed.map(({ nta }) => nta.alert.close_reason)).toContain('superseded');
    const runs = [ended, whole, killed];
    for (const order of [[0, 1], [1, 0], [2], [0, 2], [2, 0], [2, 1, 0], [1, 2, 0]]) {
      await client.query('TRUNCATE alerts CASCADE');
      const events = order.flatMap((run) => [...runs[run]!]);
      for (const event of events) await storeAlert(client, event);
      expect(await state(), `runs ${order.join()}`).toEqual(undisturbed);
      const { rows } = await client.query<{ id: string }>('SELECT id FROM alert_events ORDER BY id');
      expect(rows.map(({ id }) => id)).toEqual([...new Set(events.map(({ event }) => event.id))].sort());
    }
  });

  it('keeps of two ends with the same packets the one that knows more of their answers, in whatever order', async () => {
    const close = alertEvent(3, { status: 'closed' });
    const end = (id: string, details: NonNullable<AlertEvidence['details']>): AlertDocument => {
      const evidence = { ...close.nta.alert.evidence, details };
      return { ...close, event: { ...close.event, id }, nta: { alert: { ...close.nta.alert, evidence } } };
    };
    const rising = [
      end('of no numbers', { outcome: 'answered', answered: 'all' }),
      end('cut before an answer', { outcome: 'half_open', answered: 9, failed: 4 }),
      end('cut before it was confirmed', { outcome: 'half_open', answered: 10, failed: 3 }),
      end('cut where one is not seen', { outcome: 'answered', answered: 10, failed: 3 }),
      end('whole', { outcome: 'answered', answered: 10, failed: 2 }),
    ];
    for (const [index, kept] of rising.entries()) {
      for (const other of rising.slice(0, index)) {
        expect(compareProgress(other, kept), `${other.event.id}, ${kept.event.id}`).toBeLessThan(0);
        for (const order of [
          [other, kept],
          [kept, other],
        ]) {
          await client.query('TRUNCATE alerts CASCADE');
          for (const event of order) await storeAlert(client, event);
          const { alerts } = await everything();
          expect(alerts.map(({ document }) => document.event.id)).toEqual([kept.event.id]);
        }
      }
    }
  });

  it('takes an event that comes late into the history, not into the state', async () => {
    await storeAlert(client, alertEvent(2));
    await storeAlert(client, alertEvent(1));
    const { alerts, events } = await everything();
    expect(alerts).toMatchObject([{ sequence: 2, message: 'event 2' }]);
    expect(events.length).toBe(2);
  });
});

describe('readAlert', () => {
  it('names what is wrong', () => {
    expect(readAlert(null)).toMatchObject({ ok: false, reason: 'not_json' });
    expect(readAlert(Buffer.from('{'))).toMatchObject({ ok: false, reason: 'not_json' });
    expect(readAlert(Buffer.from('null'))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('nta.alert.id'),
    });
    const { message: _message, ...rest } = alertEvent(1);
    expect(readAlert(Buffer.from(JSON.stringify(rest)))).toMatchObject({
      ok: false,
      reason: 'invalid_alert',
      detail: expect.stringContaining('message'),
    });
    expect(readAlert(Buffer.from(JSON.stringify(alertEvent(1))))).toMatchObject({ ok: true });
  });
});
