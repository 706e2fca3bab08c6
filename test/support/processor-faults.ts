/**
 * One round of the processors' fault test: a stream with all attacks is published while workers (and the broker, when it
 * is given) are killed, paused and restarted at moments that a seed decides. What has been committed in the end is held
 * against an undisturbed run over the very same records.
 */
import { setTimeout } from 'node:timers/promises';
import { KafkaJSError, Partitioners, type Producer } from 'kafkajs';
import type { ProcessSettings } from '../../processors/process-options.js';
import { createKafka, type KafkaSettings } from '../../runtime/kafka/client.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { countPackets, progress, readAlerts, readTopic, undisturbedAlerts } from './alert-log.js';
import type { StreamRecord } from './attack-stream.js';
import { quietKafka, testLog } from './local-stack.js';
import { createTopicsFor } from './packet-topic.js';
import { ProcessorProcess, processSettings } from './processor-process.js';
import { Random } from './random.js';

export const FAULTS = ['kill', 'pause', 'restart', 'broker'] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultRound {
  readonly kafka: KafkaSettings;
  readonly partitions: number;
  readonly workers: number;
  readonly seed: number;
  readonly stream: Iterable<StreamRecord>;
  readonly faults: readonly Fault[];
  /** Records published in one go, and the pause after them, ms. */
  readonly recordsPerSend: number;
  readonly pauseMs: number;
  /** How long what is left may take after the last record, ms. */
  readonly catchUpMs: number;
  readonly settings?: Partial<ProcessSettings>;
  /** Kills the broker and brings it up again. */
  readonly restartBroker?: () => Promise<void>;
}

export interface FaultOutcome {
  /** Packets on the topic. */
  readonly published: number;
  readonly processed: number;
  readonly committed: readonly AlertDocument[];
  readonly undisturbed: readonly AlertDocument[];
  readonly faults: readonly string[];
}

export async function runFaultRound(round: FaultRound): Promise<FaultOutcome> {
  const random = new Random(round.seed);
  const settings = { ...processSettings({ sessionTimeout: 2_000, ...round.settings }), ...round.kafka };
  const kafka = createKafka(round.kafka, 'nta-test', testLog());
  await createTopicsFor({ brokers: [...round.kafka.kafkaBrokers], settings: round.kafka }, round.partitions);
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const workers = Array.from({ length: round.workers }, () => new ProcessorProcess(settings));
  const faults: string[] = [];
  const calm = new AbortController();
  const disturbance = disturb(round, workers, settings, random, faults, calm.signal);
  disturbance.catch(() => undefined); // awaited below, but it may fail before
  try {
    await publish(producer, round);
    calm.abort();
    await disturbance;
    const { packets: processed, alerts } = await awaitCaughtUp(round, workers);
    const packets = await readTopic(
      quietKafka(round.kafka.kafkaBrokers),
      topicName('packets', round.kafka.topicPrefix),
    );
    const committed = await readAlerts(
      quietKafka(round.kafka.kafkaBrokers),
      topicName('alerts', round.kafka.topicPrefix),
      alerts,
    );
    return { published: countPackets(packets), processed, committed, undisturbed: undisturbedAlerts(packets), faults };
  } finally {
    calm.abort();
    await disturbance.catch(() => undefined);
    await Promise.all(workers.map((worker) => worker.kill()));
    await producer.disconnect();
  }
}

/** What counts is what the topic then holds: a send cut off by the broker's end is repeated and may come twice. */
async function publish(producer: Producer, round: FaultRound): Promise<void> {
  const topic = topicName('packets', round.kafka.topicPrefix);
  let messages: { key: string | null; value: Buffer; partition?: number }[] = [];
  const send = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await producer.send({ topic, acks: -1, messages });
        break;
      } catch (error) {
        if (attempt === 100) throw error;
        await setTimeout(200);
      }
    }
    messages = [];
    await setTimeout(round.pauseMs);
  };
  for (const record of round.stream) {
    if (record.key !== null) {
      messages.push({ key: record.key, value: record.value });
    } else {
      for (let partition = 0; partition < round.partitions; partition++) {
        messages.push({ key: null, value: record.value, partition });
      }
    }
    if (messages.length >= round.recordsPerSend) await send();
  }
  await send();
}

/** Does something bad now and then until it is told to stop; leaves all workers running. */
async function disturb(
  round: FaultRound,
  workers: ProcessorProcess[],
  settings: ConstructorParameters<typeof ProcessorProcess>[0],
  random: Random,
  faults: string[],
  calm: AbortSignal,
): Promise<void> {
  const pause = (milliseconds: number): Promise<void> =>
    setTimeout(milliseconds, undefined, { signal: calm }).catch(() => undefined);
  await Promise.all(workers.map((worker) => worker.joined()));
  while (!calm.aborted && round.faults.length > 0) {
    await pause(random.between(300, 2_500));
    if (calm.aborted) break;
    const fault = random.pick(round.faults);
    const index = random.below(workers.length);
    const worker = workers[index]!;
    faults.push(`${fault} worker ${index}`);
    if (fault === 'kill') {
      await worker.kill();
      workers[index] = new ProcessorProcess(settings);
    } else if (fault === 'restart') {
      await worker.stop();
      workers[index] = new ProcessorProcess(settings);
    } else if (fault === 'pause') {
      worker.signal('SIGSTOP');
      // Shorter and longer than the session timeout.
      await pause(random.between(200, 2 * settings.sessionTimeout));
      worker.signal('SIGCONT');
    } else {
      await round.restartBroker?.();
    }
    // A worker that found nothing to mend has ended; a supervisor would start another.
    workers.forEach((candidate, at) => {
      if (!candidate.isRunning) workers[at] = new ProcessorProcess(settings);
    });
  }
}

/** Packets processed and alert events sent, as the group's commits count them. */
async function awaitCaughtUp(
  round: FaultRound,
  workers: readonly ProcessorProcess[],
): Promise<{ packets: number; alerts: number }> {
  const { topicPrefix, kafkaBrokers } = round.kafka;
  const admin = quietKafka(kafkaBrokers).admin();
  await admin.connect();
  try {
    const deadline = Date.now() + round.catchUpMs;
    for (;;) {
      let state: string;
      try {
        const { packets, alerts, left } = await progress(
          admin,
          groupName('processors', topicPrefix),
          topicName('packets', topicPrefix),
        );
        if (left === 0) return { packets, alerts };
        state = `${left} records are left`;
      } catch (error) {
        // A broker that was killed a moment ago has no coordinators yet; ours may be tired of trying before it has.
        if (!(error instanceof KafkaJSError)) throw error;
        state = `the broker says ${error.message}`;
      }
      if (Date.now() > deadline) {
        const logs = workers.map((worker, index) => `worker ${index}:\n${worker.log.slice(-20).join('\n')}`).join('\n');
        throw new Error(`${state} after ${round.catchUpMs} ms\n${logs}`);
      }
      await setTimeout(200);
    }
  } finally {
    await admin.disconnect();
  }
}
