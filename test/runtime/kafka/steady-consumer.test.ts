import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import pino from 'pino';
import { expect, it } from 'vitest';
import { doesWaitingHelp, SteadyConsumer } from '../../../runtime/kafka/steady-consumer.js';
import { Failure } from '../../../runtime/process/failure.js';

function kafkaError(name: string, fields: object = {}, cause?: Error): Error {
  return Object.assign(new Error(name, { cause }), { name, ...fields });
}

it('waits for what a broker that starts does not know yet, and for no refusal', () => {
  const notFound = kafkaError('KafkaJSGroupCoordinatorNotFound');
  expect(doesWaitingHelp(notFound)).toBe(true);
  expect(doesWaitingHelp(kafkaError('KafkaJSNonRetriableError', {}, notFound))).toBe(true);
  expect(doesWaitingHelp(kafkaError('KafkaJSProtocolError', { type: 'GROUP_AUTHORIZATION_FAILED' }))).toBe(false);
  expect(
    doesWaitingHelp(kafkaError('KafkaJSNonRetriableError', {}, kafkaError('KafkaJSSASLAuthenticationError'))),
  ).toBe(false);
  expect(doesWaitingHelp(new TypeError('a defect'))).toBe(false);
  expect(doesWaitingHelp(new Failure('SINK_POSITION', 'ours'))).toBe(false);
});

it('runs a consumer again that kafkajs has given up, until it is stopped', async () => {
  const listeners = new Map<string, (event: { payload: object }) => void>();
  let runs = 0;
  const consumer = {
    events: { HEARTBEAT: 'heartbeat', GROUP_JOIN: 'join', CRASH: 'crash' },
    on: (name: string, listener: (event: { payload: object }) => void) => listeners.set(name, listener),
    run: async () => {
      runs++;
    },
  } as unknown as Consumer;
  const lost: unknown[] = [];
  const steady = new SteadyConsumer(consumer, {}, pino({ level: 'silent' }), (error) => lost.push(error));
  await steady.run();
  const crash = (error: Error, restart = false) => listeners.get('crash')!({ payload: { error, restart } });
  crash(kafkaError('KafkaJSConnectionError'), true); // kafkajs does it
  crash(kafkaError('KafkaJSGroupCoordinatorNotFound'));
  await expect.poll(() => runs).toBe(2);
  const refusal = kafkaError('KafkaJSProtocolError', { type: 'TOPIC_AUTHORIZATION_FAILED' });
  crash(refusal);
  expect(lost).toEqual([refusal]);
  steady.stop();
  crash(kafkaError('KafkaJSGroupCoordinatorNotFound'));
  await sleep(1);
  expect(runs).toBe(2);
});
