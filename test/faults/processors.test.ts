/**
 * Exactly once through any crash: while a stream with all four attacks is published, workers and the broker are killed,
 * paused and restarted at seeded moments. Every alert event of an undisturbed run must be there, with the same content,
 * and nothing else. `NTA_FAULTS=long` runs 50 rounds and more; the seed of a round stands in its name.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AlertDocument } from '../../schemas/alert.js';
import { attackStream } from '../support/attack-stream.js';
import { kafkaSettings, type PrivateStack, startPrivateStack } from '../support/local-stack.js';
import { type Fault, type FaultOutcome, runFaultRound } from '../support/processor-faults.js';

const isLong = process.env.NTA_FAULTS === 'long';
const ROUNDS = isLong ? Number(process.env.NTA_FAULT_ROUNDS ?? 50) : 2;
const FIRST_SEED = Number(process.env.NTA_FAULT_SEED ?? 1);
const STREAM_SECONDS = isLong ? 180 : 100;

describe('processors under faults', () => {
  let stack: PrivateStack;

  beforeAll(async () => {
    stack = await startPrivateStack({
      kafka: true,
      postgres: false,
      // The broker's default of 6 s would make every round wait for that.
      kafkaProperties: { 'group.min.session.timeout.ms': '1000' },
    });
  });

  afterAll(async () => {
    await stack?.remove();
  });

  const seeds = Array.from({ length: ROUNDS }, (_, index) => FIRST_SEED + index);
  it.each(seeds)('gives the alerts of an undisturbed run, seed %i', { timeout: 180_000 }, async (seed) => {
    const { brokers, control } = stack.kafka!;
    // Every second round leaves the broker alone, so that workers come further between two faults.
    const faults: Fault[] = seed % 2 === 0 ? ['kill', 'pause', 'restart', 'broker'] : ['kill', 'pause', 'restart'];
    const outcome = await runFaultRound({
      kafka: kafkaSettings(brokers, `faults-${seed}-`),
      partitions: 6,
      workers: 3,
      seed,
      faults,
      stream: attackStream({
        seed,
        seconds: STREAM_SECONDS,
        captureNodes: 20,
        backgroundRate: 1_000,
        backgroundSources: 50,
      }),
      recordsPerSend: 1_000,
      pauseMs: 100,
      catchUpMs: 60_000,
      restartBroker: async () => {
        await control.kill9();
        await control.start();
      },
    });
    expectUndisturbed(outcome);
  });
});

function expectUndisturbed(outcome: FaultOutcome): void {
  const { published, processed, committed, undisturbed, faults } = outcome;
  expect(faults.length, 'faults').toBeGreaterThan(0);
  expect(processed, `packets processed, after ${faults.join('; ')}`).toBe(published);
  const ids = committed.map(({ event }) => event.id);
  expect(new Set(ids).size, 'no event twice').toBe(ids.length);
  expect(byId(committed), `after ${faults.join('; ')}`).toEqual(byId(undisturbed));
  const detectors = new Set(undisturbed.map(({ rule }) => rule.id));
  expect([...detectors].sort()).toEqual(['arp-spoofing', 'brute-force', 'port-scan', 'syn-flood']);
}

function byId(alerts: readonly AlertDocument[]): Record<string, AlertDocument> {
  return Object.fromEntries(alerts.map((alert) => [alert.event.id, alert]));
}
