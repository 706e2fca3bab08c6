/** The webhook sink between a real Kafka and a real HTTP server that misbehaves in every way a receiver can. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { KafkaMessage } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKafka } from '../../../../runtime/kafka/client.js';
import { ensureTopics } from '../../../../runtime/kafka/topic-setup.js';
import { createRegistry, type Registry } from '../../../../runtime/process/metrics.js';
import { readSettings } from '../../../../runtime/process/options.js';
import { projectRoot } from '../../../../runtime/process/project.js';
import type { AlertDocument } from '../../../../schemas/alerts/alert.js';
import { topicName } from '../../../../schemas/topics.js';
import { outputOptions } from '../../../../sinks/deliveries/delivery-options.js';
import { createDeliverySink, type DeliverySink } from '../../../../sinks/deliveries/delivery-sink.js';
import { webhook } from '../../../../sinks/deliveries/webhook/webhook.js';
import { alertEvent } from '../../../support/alert-events.js';
import {
  createTestTopics,
  quietKafka,
  stackEnvironment,
  type TestTopics,
  testLog,
} from '../../../support/local-stack.js';
import { type RunningCommand, startNta } from '../../../support/nta-command.js';
import { requireTool } from '../../../support/requirement.js';
import { until } from '../../../support/sink-rows.js';
import { accept, WebhookServer } from '../../../support/webhook-server.js';

const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

let topics: TestTopics;
let server: WebhookServer;
const sinks: DeliverySink[] = [];
const commands: RunningCommand[] = [];

beforeEach(async () => {
  topics = createTestTopics();
  await ensureTopics(createKafka(topics.settings, 'test', testLog()), {
    partitions: 3,
    replicationFactor: 1,
    retentionHours: 24,
    retentionBytes: 0,
    topicPrefix: topics.prefix,
  });
  server = new WebhookServer();
  await server.start();
});

afterEach(async () => {
  // Orderly, so that they leave their group and it can be deleted.
  for (const command of commands.splice(0)) await command.interrupt();
  for (const sink of sinks.splice(0)) await sink.stop();
  await server.stop();
  await topics.remove();
});

async function startSink(given: Record<string, string> = {}): Promise<{ sink: DeliverySink; registry: Registry }> {
  const registry = createRegistry();
  const base = { NTA_WEBHOOK_URL: server.url, NTA_WEBHOOK_SECRET: SECRET, NTA_WEBHOOK_START: 'earliest' };
  const environment = { ...base, ...given };
  const settings = { ...topics.settings, ...readSettings(outputOptions(webhook), {}, environment) };
  // What a receiver does wrong is an error to whoever runs the sink, and the plan of these tests.
  const sink = createDeliverySink(webhook, settings, testLog().child({}, { level: 'fatal' }), registry);
  sinks.push(sink);
  await sink.start();
  return { sink, registry };
}

const topic = (): string => topicName('alerts', topics.prefix);

/** Publishes as the processors do: keyed by source, in transactions, each followed by one that is aborted. */
async function publish(documents: readonly AlertDocument[]): Promise<void> {
  const producer = quietKafka(topics.brokers).producer({
    transactionalId: `${topics.prefix}publisher`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  const messageOf = (document: AlertDocument) => ({ key: document.source.address, value: JSON.stringify(document) });
  await producer.connect();
  for (const document of documents) {
    const transaction = await producer.transaction();
    await transaction.send({ topic: topic(), messages: [messageOf(document)] });
    await transaction.commit();
    const undone = await producer.transaction();
    const { event } = document;
    await undone.send({
      topic: topic(),
      messages: [messageOf({ ...document, event: { ...event, id: `undone-${event.id}` } })],
    });
    await undone.abort();
  }
  await producer.disconnect();
}

/** `episodes` sources with `events` events each, one event of every source after another. */
function story(episodes: number, events: number): AlertDocument[] {
  return Array.from({ length: events }, (_, event) =>
    Array.from({ length: episodes }, (_, episode) =>
      alertEvent(event + 1, {
        id: `episode-${episode}`,
        source: `192.0.2.${episode + 1}`,
        ...(event === events - 1 ? { status: 'closed' } : {}),
      }),
    ),
  ).flat();
}

/** Six sources with an event each, which fall on all partitions. */
function storyOf(name: string): AlertDocument[] {
  return Array.from({ length: 6 }, (_, index) =>
    alertEvent(1, { id: `${name}-${index}`, source: `198.51.100.${index}` }),
  );
}

const idsOf = (documents: readonly AlertDocument[]): string[] => documents.map(({ event }) => event.id);

/** The ids of each source in the order in which the receiver first accepted them. */
function orderBySource(accepted: readonly string[]): Record<string, string[]> {
  const order: Record<string, string[]> = {};
  for (const id of new Set(accepted)) {
    const episode = id.replace(/-\d+$/, '');
    order[episode] ??= [];
    order[episode].push(id);
  }
  return order;
}

/** Each event accepted, none unknown, and those of a source in their order. */
function expectDelivered(documents: readonly AlertDocument[]): void {
  expect(orderBySource(server.accepted)).toEqual(orderBySource(idsOf(documents)));
}

async function metricOf(registry: Registry, name: string): Promise<number> {
  const metric = (await registry.getMetricsAsJSON()).find((candidate) => candidate.name === name);
  return (metric?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}

async function deadLetters(count: number): Promise<KafkaMessage[]> {
  const consumer = quietKafka(topics.brokers).consumer({ groupId: `${topics.prefix}letters` });
  const letters: KafkaMessage[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic: topicName('alertsDeadLetter', topics.prefix), fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void letters.push(message) });
  await until(async () => letters.length >= count);
  await consumer.disconnect();
  return letters;
}

/** The receiver's lines of sinks/deliveries/README.md, as a reader would paste them. */
async function readmeVerifier(): Promise<(headers: object, body: Buffer, secret: string) => boolean> {
  const readme = readFileSync(join(projectRoot, 'sinks', 'deliveries', 'README.md'), 'utf8');
  const lines = /```js\n(import \{ createHmac[\s\S]*?)```/.exec(readme)![1]!;
  const folder = mkdtempSync(join(tmpdir(), 'nta-test-'));
  const file = join(folder, 'receiver.mjs');
  writeFileSync(file, `${lines}\nexport { isGenuine };\n`);
  try {
    return ((await import(pathToFileURL(file).href)) as { isGenuine: never }).isGenuine;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('webhook sink', () => {
  it('delivers each committed event once, as it was published, signed, over one connection', async () => {
    const documents = story(5, 4);
    const { sink, registry } = await startSink();
    await publish(documents);
    await until(async () => server.accepted.length >= documents.length);
    await sink.stop();
    sinks.length = 0;
    expect([...server.accepted].sort()).toEqual(idsOf(documents).sort());
    expectDelivered(documents);
    const isGenuine = await readmeVerifier();
    for (const request of server.requests) {
      const document = documents.find(({ event }) => event.id === request.id);
      expect(request.body.toString()).toBe(JSON.stringify(document));
      expect(request.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': expect.stringMatching(/^nta\//),
        'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      });
      expect(isGenuine(request.headers, request.body, SECRET)).toBe(true);
      expect(isGenuine(request.headers, Buffer.concat([request.body, Buffer.from(' ')]), SECRET)).toBe(false);
      expect(isGenuine({ ...request.headers, 'webhook-timestamp': '1614265330' }, request.body, SECRET)).toBe(false);
      expect(isGenuine(request.headers, request.body, SECRET.replace('whsec_CQ', 'whsec_CR'))).toBe(false);
    }
    expect(server.connections).toBe(1);
    expect(await metricOf(registry, 'nta_delivery_delivered_events_total')).toBe(documents.length);
    expect(await metricOf(registry, 'nta_delivery_failed_attempts_total')).toBe(0);
  });

  it('goes on where it stopped, and another name gets everything again', async () => {
    await publish(story(3, 1));
    await startSink();
    await until(async () => server.accepted.length === 3);
    await sinks.pop()!.stop();
    const later = story(3, 2).slice(3);
    await publish(later);
    await startSink();
    await until(async () => server.accepted.length === 6);
    expect(server.accepted.slice(3).sort()).toEqual(idsOf(later).sort());
    await startSink({ NTA_WEBHOOK_NAME: 'second', NTA_WEBHOOK_URL: `${server.url}/second` });
    await until(async () => server.requests.filter(({ path }) => path.endsWith('/second')).length === 6);
    expect(server.accepted.length).toBe(12);
  });

  it('begins with what comes after the first start, and from then on misses nothing', async () => {
    const [old, first, second] = ['old', 'first', 'second'].map((name) => storyOf(name));
    const latest = { NTA_WEBHOOK_START: 'latest' };
    await publish(old!);
    await startSink(latest);
    // Stopped before it had anything to deliver: what comes now is still its own.
    await sinks.pop()!.stop();
    await publish(first!);
    const [{ registry }] = await Promise.all([startSink(latest), startSink(latest)]);
    await until(async () => server.accepted.length >= 6);
    await publish(second!);
    await until(async () => server.accepted.length >= 12);
    expectDelivered([...first!, ...second!]);
    expect(await metricOf(registry, 'nta_delivery_lost_records_total')).toBe(0);
    await startSink({ NTA_WEBHOOK_NAME: 'archive', NTA_WEBHOOK_URL: `${server.url}/archive` });
    await until(async () => server.requests.filter(({ path }) => path.endsWith('/archive')).length === 18);
  });

  it('begins with the same alert, however many start at once', async () => {
    await publish(storyOf('old'));
    await Promise.all([1, 2, 3].map(() => startSink({ NTA_WEBHOOK_START: 'latest' })));
    const documents = storyOf('new');
    await publish(documents);
    await until(async () => server.accepted.length >= documents.length);
    expectDelivered(documents);
  });

  it('leaves out what it was told to', async () => {
    const documents = [
      ...story(2, 3),
      alertEvent(1, { id: 'low', source: '192.0.2.9', severity: 2 }),
      alertEvent(1, { id: 'high', source: '192.0.2.9', severity: 5 }),
    ];
    await publish(documents);
    const { registry } = await startSink({ NTA_WEBHOOK_EVENTS: 'open,close', NTA_WEBHOOK_MIN_SEVERITY: '3' });
    await until(async () => (await metricOf(registry, 'nta_delivery_filtered_events_total')) === 3);
    await until(async () => server.accepted.length === 5);
    expect([...server.accepted].sort()).toEqual(['episode-0-1', 'episode-0-3', 'episode-1-1', 'episode-1-3', 'high-1']);
  });

  it('outlasts errors, rate limits, hangs, broken connections, redirects and endless answers', async () => {
    const documents = story(8, 2);
    let redirected = 0;
    let abandonedAt = 0;
    server.answering = (request, response, raw) => {
      if (request.path === '/elsewhere') redirected++;
      if (request.attempt > 2 || !request.id.endsWith('-1')) return accept(request, response, raw);
      switch (request.id) {
        case 'episode-0-1':
          return response.writeHead(500).end('no');
        case 'episode-1-1':
          return request.attempt === 1
            ? response.writeHead(429, { 'retry-after': '2' }).end()
            : response.writeHead(503, { 'retry-after': new Date(Date.now() + 2000).toUTCString() }).end();
        case 'episode-2-1':
          return undefined; // never an answer
        case 'episode-3-1':
          return raw.socket.destroy();
        case 'episode-4-1':
          return response.writeHead(307, { location: '/elsewhere' }).end();
        case 'episode-5-1': {
          // Taken, with an answer that has no end: it is cut off, and the next one is not held up by it.
          response.writeHead(200);
          const chunk = Buffer.alloc(16 * 1024, 'x');
          const more = (): void => {
            while (!response.destroyed && response.write(chunk));
          };
          response.on('drain', more).on('close', () => {
            abandonedAt = Date.now();
          });
          server.accepted.push(request.id);
          return more();
        }
        case 'episode-6-1':
          response.writeHead(200, { 'content-length': '1000' });
          response.write('half');
          server.accepted.push(request.id);
          return void setTimeout(() => raw.socket.destroy(), 50);
        default:
          return void raw.socket.write('HTTP/1.1 garbage\r\n\r\n');
      }
    };
    const { sink, registry } = await startSink({ NTA_WEBHOOK_TIMEOUT: '700ms' });
    await publish(documents);
    await until(async () => new Set(server.accepted).size === documents.length, 90_000);
    expectDelivered(documents);
    expect(redirected).toBe(0);
    expect(abandonedAt).toBeGreaterThan(0);
    const limited = server.requests.filter(({ id }) => id === 'episode-1-1').map(({ at }) => at);
    expect(limited.length).toBe(3);
    expect(limited[1]! - limited[0]!).toBeGreaterThanOrEqual(2_000);
    // A date has no fractions of a second.
    expect(limited[2]! - limited[1]!).toBeGreaterThanOrEqual(1_000);
    expect(await metricOf(registry, 'nta_delivery_refused_events_total')).toBe(0);
    expect(await metricOf(registry, 'nta_delivery_retries_total')).toBeGreaterThanOrEqual(10);
    const failed = (await registry.getMetricsAsJSON()).find(
      ({ name }) => name === 'nta_delivery_failed_attempts_total',
    );
    expect(failed!.values.map(({ labels }) => labels['reason']).sort()).toEqual([
      'connection',
      'http_307',
      'http_429',
      'http_500',
      'http_503',
      'timeout',
    ]);
    await until(async () => sink.readiness() === null);
  });

  it('waits for a receiver that is away, and says so meanwhile', async () => {
    const { port } = server;
    await server.stop();
    const documents = story(4, 2);
    await publish(documents);
    const { sink, registry } = await startSink();
    await until(async () => sink.readiness()?.includes('ECONNREFUSED') ?? false);
    await until(async () => (await metricOf(registry, 'nta_delivery_failed_attempts_total')) >= 3);
    expect(await metricOf(registry, 'nta_delivery_available')).toBe(0);
    await server.start(port);
    await until(async () => server.accepted.length === documents.length);
    expectDelivered(documents);
    expect(sink.readiness()).toBeNull();
    expect(await metricOf(registry, 'nta_delivery_available')).toBe(1);
  });

  it('puts what the receiver refuses on the dead-letter topic, and goes on', async () => {
    const documents = story(3, 3);
    server.answering = (request, response, raw) => {
      if (request.id === 'episode-0-2') response.writeHead(422).end('I cannot read this');
      else if (request.id === 'episode-1-1') response.writeHead(500).end();
      else accept(request, response, raw);
    };
    const { registry } = await startSink({ NTA_WEBHOOK_RETRY_FOR: '2s' });
    await publish(documents);
    const producer = quietKafka(topics.brokers).producer();
    await producer.connect();
    await producer.send({ topic: topic(), messages: [{ key: '192.0.2.1', value: '{"half":' }] });
    await producer.disconnect();
    const refused = ['episode-0-2', 'episode-1-1'];
    await until(async () => server.accepted.length === documents.length - refused.length);
    expect([...server.accepted].sort()).toEqual(
      idsOf(documents)
        .filter((id) => !refused.includes(id))
        .sort(),
    );
    const letters = (await deadLetters(3)).map(({ key, value, headers }) => ({
      key: String(key),
      value: String(value),
      ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
    }));
    expect(letters).toHaveLength(3);
    const common = { stage: 'webhook', 'source-topic': topic() };
    const valueOfId = (id: string) => JSON.stringify(documents.find(({ event }) => event.id === id));
    expect(letters).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...common, key: '192.0.2.1', value: valueOfId('episode-0-2'), reason: 'http_422' }),
        expect.objectContaining({ ...common, key: '192.0.2.2', value: valueOfId('episode-1-1'), reason: 'http_500' }),
        expect.objectContaining({ ...common, key: '192.0.2.1', value: '{"half":', reason: 'not_json' }),
      ]),
    );
    expect(server.requests.filter(({ id }) => id === 'episode-0-2').length).toBe(1);
    expect(server.requests.filter(({ id }) => id === 'episode-1-1').length).toBeGreaterThan(1);
    expect(await metricOf(registry, 'nta_delivery_refused_events_total')).toBe(3);
  });

  it('sends nothing more to a receiver that is gone, and everything after a new start', async () => {
    const documents = story(6, 2);
    server.answering = (request, response, raw) =>
      server.accepted.length < 3 ? accept(request, response, raw) : void response.writeHead(410).end();
    const { sink } = await startSink();
    await publish(documents);
    await until(async () => sink.readiness()?.includes('410 Gone') ?? false);
    const sent = server.requests.length;
    await publish([alertEvent(1, { id: 'later', source: '192.0.2.77' })]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(server.requests.length).toBe(sent);
    expect(server.requests.filter(({ id }) => !server.accepted.includes(id)).length).toBe(1);
    await sink.stop();
    sinks.length = 0;
    server.answering = accept;
    await startSink();
    await until(async () => new Set(server.accepted).size === documents.length + 1);
    expectDelivered([...documents, alertEvent(1, { id: 'later', source: '192.0.2.77' })]);
  });
});

describe('over TLS', () => {
  it('delivers to a receiver whose authority it knows, and to no other', async (context) => {
    requireTool(context, 'openssl');
    const folder = mkdtempSync(join(tmpdir(), 'nta-test-'));
    try {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=receiver', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
      execFileSync('openssl', [
        ...['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
        ...['-keyout', key, '-out', cert, ...subject],
      ]);
      await server.stop();
      server = new WebhookServer({ key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') });
      await server.start();
      const documents = story(3, 2);
      await publish(documents);
      const stranger = await startSink();
      await until(async () => stranger.sink.readiness()?.includes('self-signed certificate') ?? false);
      await stranger.sink.stop();
      sinks.length = 0;
      expect(server.requests).toEqual([]);
      await startSink({ NTA_WEBHOOK_SSL_CA: cert });
      await until(async () => server.accepted.length === documents.length);
      expectDelivered(documents);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('nta sink webhook', () => {
  const start = (environment: Record<string, string> = {}): RunningCommand => {
    const command = startNta(['sink', 'webhook', '--log-level=debug'], {
      env: {
        ...stackEnvironment(topics),
        NTA_WEBHOOK_URL: `${server.url}/token-in-path`,
        NTA_WEBHOOK_SECRET: SECRET,
        NTA_WEBHOOK_START: 'earliest',
        ...environment,
      },
    });
    commands.push(command);
    return command;
  };

  it('loses nothing when it is killed again and again, and keeps the order of each source', async () => {
    const documents = story(6, 20);
    server.answering = (request, response, raw) => void setTimeout(() => accept(request, response, raw), 15);
    const publishing = publish(documents);
    for (const target of [15, 60]) {
      const command = start();
      await until(async () => new Set(server.accepted).size >= target);
      command.child.kill('SIGKILL');
      await command.ended;
    }
    await publishing;
    const last = start();
    await until(async () => new Set(server.accepted).size === documents.length);
    expectDelivered(documents);
    const { code, stderr } = await last.interrupt();
    expect(code).toBe(0);
    const seen = [...commands.map((command) => command.output().stderr), stderr].join('\n');
    expect(seen).toContain('alert delivered');
    expect(seen).not.toContain('token-in-path');
    expect(seen).not.toContain(SECRET.slice('whsec_'.length, 40));
  });

  it('shares the alerts with others, and takes over from one that is killed', async () => {
    const documents = story(9, 12);
    server.answering = (request, response, raw) => void setTimeout(() => accept(request, response, raw), 15);
    const [one, two] = [start(), start()];
    await publish(documents.slice(0, 27));
    await until(async () => new Set(server.accepted).size >= 20);
    one.child.kill('SIGKILL');
    await publish(documents.slice(27, 63));
    await until(async () => new Set(server.accepted).size >= 40);
    start();
    await publish(documents.slice(63));
    await until(async () => new Set(server.accepted).size === documents.length);
    expectDelivered(documents);
    expect((await two.interrupt()).code).toBe(0);
  });

  it('refuses to start without its topics, or with an address that anyone could listen to', async () => {
    const insecure = start({ NTA_WEBHOOK_URL: 'http://192.0.2.1/hook' });
    const { code, stderr } = await insecure.ended;
    expect(code).not.toBe(0);
    expect(stderr).toContain('--webhook-insecure');
    const elsewhere = start({ NTA_TOPIC_PREFIX: `${topics.prefix}none-` });
    expect((await elsewhere.ended).stderr).toMatch(/Kafka has no topic .*alerts.*; run nta setup/);
  });
});
