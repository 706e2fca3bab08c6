/** When a Kafka broker that was just started is ready for use. */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import type { KafkaLogin } from './kafka-login.js';

const POLL_MS = 25;

/**
 * Resolves once the broker answers for metadata, consumer groups and transactions. A fresh broker first answers
 * "coordinator not available" and "coordinator loading" while it makes and reads its internal topics; here that is
 * waited for, so that no client of ours meets it.
 *
 * @param signal ends the waiting; the promise then rejects.
 */
export async function awaitKafka(port: number, login: KafkaLogin, signal: AbortSignal): Promise<void> {
  await awaitListener(port, signal);
  const kafka = new Kafka({
    clientId: 'nta-readiness',
    brokers: [`127.0.0.1:${port}`],
    sasl: { mechanism: 'scram-sha-256', username: login.user, password: login.password },
    // What it would log is what is being waited for.
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: POLL_MS, maxRetryTime: 4 * POLL_MS, factor: 0, retries: 20 },
  });
  const admin = kafka.admin();
  // Of its own each time: an id left in doubt by an earlier run would have to be recovered first.
  const producer = kafka.producer({ transactionalId: `nta-readiness-${randomUUID()}`, maxInFlightRequests: 1 });
  try {
    await untilDone(signal, () => admin.connect());
    await Promise.all([
      untilDone(signal, () => admin.describeGroups(['nta-readiness'])),
      untilDone(signal, async () => {
        await producer.connect();
        await (await producer.transaction()).abort();
      }),
    ]);
  } finally {
    await Promise.allSettled([admin.disconnect(), producer.disconnect()]);
  }
}

/** Resolves once somebody listens on the port. */
export async function awaitListener(port: number, signal: AbortSignal): Promise<void> {
  while (!(await accepts(port))) {
    signal.throwIfAborted();
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

async function untilDone(signal: AbortSignal, attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch {
      signal.throwIfAborted();
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
