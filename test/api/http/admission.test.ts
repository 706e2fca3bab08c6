import pino from 'pino';
import { expect, test } from 'vitest';
import { Admission } from '../../../api/http/admission.js';
import { BurstLog } from '../../../api/http/burst-log.js';

const LIMITS = { running: 2, waiting: 100, waitingOfOne: 50, waitMs: 60_000 };

test('a client that asks a hundred times delays itself, not the others', async () => {
  const admission = new Admission(LIMITS);
  const order: string[] = [];
  const ask = async (client: string): Promise<void> => {
    const leave = await admission.enter(client);
    order.push(client);
    await Promise.resolve();
    leave();
  };
  const greedy = Array.from({ length: 50 }, () => ask('greedy'));
  const others = [ask('a'), ask('b'), ask('a')];
  await Promise.all([...greedy, ...others]);
  expect(order).toHaveLength(53);
  expect(order.lastIndexOf('a')).toBeLessThan(12);
  expect(order.lastIndexOf('b')).toBeLessThan(12);
});

test('no more run than may, and a place is given back once', async () => {
  const admission = new Admission(LIMITS);
  const [first, second] = await Promise.all([admission.enter('a'), admission.enter('b')]);
  let third = false;
  const waiting = admission.enter('c').then((leave) => {
    third = true;
    return leave;
  });
  await Promise.resolve();
  expect(third).toBe(false);
  first();
  first();
  const leave = await waiting;
  let fourth = false;
  const last = admission.enter('d').then((end) => {
    fourth = true;
    end();
  });
  await Promise.resolve();
  expect(fourth).toBe(false);
  leave();
  second();
  await last;
});

test('who would wait too long, or behind too many, is told so', async () => {
  const admission = new Admission({ ...LIMITS, running: 1, waitingOfOne: 1, waitMs: 20 });
  const leave = await admission.enter('a');
  const late = admission.enter('a');
  await expect(admission.enter('a')).rejects.toMatchObject({ status: 503, code: 'BUSY' });
  await expect(late).rejects.toMatchObject({ status: 503, code: 'BUSY' });
  // Who has given up has no turn.
  leave();
  (await admission.enter('b'))();
});

test('a burst of warnings is a line, and a line for the rest', async () => {
  const lines: { msg: string; times?: number }[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const bursts = new BurstLog(log, 20);
  for (let time = 0; time < 1000; time++) bursts.warn('busy', {}, 'too many');
  bursts.warn('other', {}, 'something else');
  expect(lines.map(({ msg }) => msg)).toEqual(['too many', 'something else']);
  await expect.poll(() => lines.length).toBe(3);
  expect(lines[2]).toMatchObject({ times: 999, msg: expect.stringContaining('too many (again') });
});
