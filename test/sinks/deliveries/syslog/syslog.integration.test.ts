/** The syslog output between a real Kafka and a real rsyslog. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { topicName } from '../../../../schemas/topics.js';
import { alertEvent } from '../../../support/alert-events.js';
import { createTestTopics, quietKafka, stackEnvironment, type TestTopics } from '../../../support/local-stack.js';
import { type RunningCommand, startNta } from '../../../support/nta-command.js';
import { createTopicsFor } from '../../../support/packet-topic.js';
import { requireTool, type SkippableTest } from '../../../support/requirement.js';
import { until } from '../../../support/sink-rows.js';
import { SyslogServer } from '../../../support/syslog-server.js';

let topics: TestTopics;
let folder: string;
let port: number;
let server: SyslogServer;
let sink: RunningCommand | undefined;

beforeEach(async () => {
  topics = createTestTopics();
  await createTopicsFor(topics, 1);
  folder = mkdtempSync(join(tmpdir(), 'nta-syslog-'));
  port = await getPort();
  server = new SyslogServer({ folder, port });
});

afterEach(async () => {
  await sink?.interrupt();
  sink = undefined;
  await server.stop();
  await topics.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function startSink(context: SkippableTest, environment: Record<string, string>): Promise<RunningCommand> {
  requireTool(context, 'rsyslogd');
  sink = startNta(['sink', 'syslog', '--log-level=info'], {
    env: { ...stackEnvironment(topics), NTA_SYSLOG_START: 'earliest', ...environment },
  });
  await sink.printed(/delivering alerts/);
  return sink;
}

async function publish(from: number, to: number): Promise<void> {
  const producer = quietKafka(topics.brokers).producer();
  await producer.connect();
  const events = Array.from({ length: to - from }, (_, index) => alertEvent(from + index));
  const messages = events.map((event) => ({ key: event.source.address, value: JSON.stringify(event) }));
  await producer.send({ topic: topicName('alerts', topics.prefix), messages });
  await producer.disconnect();
}

const sequences = (): number[] =>
  server.messages.map(({ text }) => (JSON.parse(text) as ReturnType<typeof alertEvent>).nta.alert.sequence);

describe('nta sink syslog', () => {
  it('sends over UDP', async (context) => {
    await server.start();
    await startSink(context, { NTA_SYSLOG_ADDRESS: `udp://127.0.0.1:${port}`, NTA_SYSLOG_FACILITY: 'authpriv' });
    await publish(1, 4);
    await until(async () => server.messages.length === 3);
    expect(sequences()).toEqual([1, 2, 3]);
    expect(server.messages[0]).toMatchObject({
      facility: 'authpriv',
      severity: 'warning',
      app: 'nta',
      id: 'port-scan',
    });
  });

  it('sends over TCP in order, waits for a receiver that is away, and loses nothing to one that restarts', async (context) => {
    const { printed } = await startSink(context, { NTA_SYSLOG_ADDRESS: `tcp://127.0.0.1:${port}` });
    await publish(1, 4);
    await printed(/delivering waits: the syslog at tcp:\/\/127\.0\.0\.1:\d+ takes no alerts: .*ECONNREFUSED/);
    await server.start();
    await until(async () => server.messages.length >= 3);
    expect(sequences()).toEqual([1, 2, 3]);
    await server.stop();
    await publish(4, 8);
    await server.start();
    await until(async () => new Set(sequences()).size === 7);
    // Those of shortly before may come again.
    expect([...new Set(sequences())]).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('sends CEF over TLS, and to nobody whom it does not know', async (context) => {
    requireTool(context, 'openssl', 'rsyslogd');
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
    execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' });
    server = new SyslogServer({ folder, port, tls: { ca: cert, cert, key } });
    await server.start();
    const address = { NTA_SYSLOG_ADDRESS: `tls://127.0.0.1:${port}`, NTA_SYSLOG_FORMAT: 'cef' };
    await publish(1, 2);
    const stranger = await startSink(context, { ...address, NTA_SYSLOG_NAME: 'stranger' });
    await stranger.printed(/takes no alerts: self-signed certificate/);
    await stranger.interrupt();
    await startSink(context, { ...address, NTA_SYSLOG_SSL_CA: cert });
    await until(async () => server.messages.length > 0);
    expect(server.messages.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^CEF:0\|nta\|nta\|[^|]+\|port-scan\|event 1\|6\|rt=\d+ .*src=192\.0\.2\.1 /),
    ]);
  });
});
