/**
 * The capture service: sources (live interfaces or files) → intake (decode, group, encode) → delivery (Kafka, spool),
 * with heartbeats and the balance. `done` settles at the end of finite input.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { checkKafka, createKafka, type KafkaSettings } from '../runtime/kafka/client.js';
import { keepPreparingSchemas, prepareSchemas } from '../runtime/kafka/schemas.js';
import { Failure } from '../runtime/process/failure.js';
import type { Logger } from '../runtime/process/log.js';
import type { Registry } from '../runtime/process/metrics.js';
import { projectVersion } from '../runtime/process/project.js';
import type { Service } from '../runtime/process/service.js';
import { encodeTick } from '../schemas/packets/packet-batch.js';
import { topicName } from '../schemas/topics.js';
import { Balance, type CaptureBalance, DROP_REASONS } from './balance.js';
import { registerConversationMetrics, registerDeliveryMetrics, registerLiveMetrics } from './capture-metrics.js';
import type { CaptureSettings } from './capture-options.js';
import { Intake, type Sampling, type SourceIntake } from './decoding/intake.js';
import { parseVlanTpids } from './decoding/vlan-tpids.js';
import { Heartbeat } from './heartbeat.js';
import { chooseEngine } from './live/engine-choice.js';
import { defaultRouteInterface } from './live/interfaces.js';
import { LiveSource } from './live/live-source.js';
import { checkPacketFilter } from './live/tcpdump-engine.js';
import { Delivery } from './publisher/delivery.js';
import { FLUSH_INTERVAL_MIN_MS, nextFlushInterval } from './publisher/flush-pace.js';
import { checkFiles, Replay } from './replay.js';
import { parseSamplingRate } from './sampling.js';
import { Spool } from './spool/spool.js';
import { countWaitingPackets } from './spool/waiting-packets.js';

export { type CaptureSettings, captureOptions } from './capture-options.js';

/** How long a graceful stop waits for Kafka before the rest goes to the spool, milliseconds. */
const STOP_PATIENCE_MS = 10_000;
const TICK_KEY = Buffer.alloc(0);

export interface CaptureService extends Service {
  readonly done: Promise<void>;
  /** Why the node is not capturing and publishing now, or null when it is. */
  readiness(): string | null;
  balance(): CaptureBalance;
}

export function createCapture(
  settings: CaptureSettings & KafkaSettings,
  log: Logger,
  registry: Registry,
): CaptureService {
  return new Capture(settings, log, registry);
}

class Capture implements CaptureService {
  readonly name = 'capture';
  readonly done: Promise<void>;
  private readonly counts: Balance;
  private readonly intake: Intake;
  private readonly delivery: Delivery;
  private readonly heartbeat: Heartbeat;
  private readonly aborter = new AbortController();
  private readonly startedAt = new Date();
  private readonly live: { readonly source: LiveSource; readonly intake: SourceIntake }[] = [];
  private engineName = 'file';
  private finish!: { resolve: () => void; reject: (error: unknown) => void };
  private timers: NodeJS.Timeout[] = [];
  private flushTimer: NodeJS.Timeout | undefined;
  private started = false;
  private replaying: Promise<void> = Promise.resolve();

  constructor(
    private readonly settings: CaptureSettings & KafkaSettings,
    private readonly log: Logger,
    registry: Registry,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.finish = { resolve, reject };
    });
    // Whoever runs the service looks at `done` only once it has started.
    this.done.catch(() => undefined);
    this.counts = new Balance(registry);
    const kafka = createKafka(settings, `nta-capture-${settings.nodeId}`, log);
    this.delivery = new Delivery(
      {
        kafka,
        topic: topicName('packets', settings.topicPrefix),
        spool: this.createSpool(),
        onStuck: (failure) => {
          if (this.isFinite) this.finish.reject(failure);
        },
      },
      this.counts,
      log,
    );
    this.intake = new Intake(
      {
        captureNode: settings.nodeId,
        site: settings.site,
        dedupeWindow: settings.dedupeWindow * 1000,
        sampling: samplingOf(settings),
        tunnels: settings.tunnels,
        vlanTpids: parseVlanTpids(settings.vlanTpids),
      },
      this.counts,
      this.isFinite ? (record) => this.delivery.publish(record) : (record) => this.delivery.put(record),
      () => this.delivery.partitions,
    );
    this.heartbeat = new Heartbeat(
      kafka,
      topicName('captureNodes', settings.topicPrefix),
      settings.heartbeatInterval,
      () => this.status(),
      log,
    );
    registerDeliveryMetrics(registry, this.delivery);
    registerConversationMetrics(registry, this.intake);
    registerLiveMetrics(registry, () => this.live.map(({ source }) => source));
  }

  async start(): Promise<void> {
    const { settings } = this;
    await checkPacketFilter(settings.packetFilter);
    if (this.isFinite) await checkFiles(settings.read, settings.packetFilter);
    await this.delivery.start(await this.findKafka());
    await this.prepareSchemas();
    if (this.isFinite) this.startReplay();
    else await this.startLive();
    this.heartbeat.start();
    this.started = true;
  }

  /** Whether Kafka answers. Live traffic does not wait for it where there is a spool to go to. */
  private async findKafka(): Promise<boolean> {
    try {
      await checkKafka(this.settings, this.log);
      return true;
    } catch (error) {
      if (!this.canSpool || !(error instanceof Failure) || !error.retriable) throw error;
      this.log.warn(`${error.message}; until one answers, packets go to the spool ${this.settings.spoolDir}`);
      return false;
    }
  }

  /**
   * A live node that can spool does not wait for the schema registry either: until it answers, records are framed with
   * their schema's fingerprint, which every consumer of ours reads as well.
   */
  private async prepareSchemas(): Promise<void> {
    try {
      await prepareSchemas(this.settings);
    } catch (error) {
      if (!this.canSpool || !(error instanceof Failure) || !error.retriable) throw error;
      this.log.warn(`${error.message}; until it answers, records carry the fingerprint of their schema`);
      void keepPreparingSchemas(this.settings, this.log, this.aborter.signal);
    }
  }

  async stop(): Promise<void> {
    this.aborter.abort();
    await Promise.all(this.live.map(({ source }) => source.stop()));
    await this.replaying;
    for (const timer of this.timers) clearInterval(timer);
    clearTimeout(this.flushTimer);
    this.intake.finish();
    if (!this.delivery.publisher.isAway)
      await Promise.race([this.delivery.settled(), sleep(STOP_PATIENCE_MS, undefined, { ref: false })]);
    await this.delivery.stop();
    await this.heartbeat.stop();
  }

  balance(): CaptureBalance {
    return this.counts.total();
  }

  readiness(): string | null {
    if (!this.started) return 'starting';
    const down = this.live.filter(({ source }) => !source.up).map(({ source }) => source.name);
    if (down.length > 0) return `no capture on ${down.join(', ')}`;
    return this.delivery.obstacle;
  }

  private get isFinite(): boolean {
    return this.settings.read.length > 0;
  }

  private get canSpool(): boolean {
    return !this.isFinite && this.settings.spoolDir !== '';
  }

  private createSpool(): Spool | null {
    const { spoolDir, spoolMaxBytes } = this.settings;
    if (!this.canSpool) return null;
    return new Spool(spoolDir, spoolMaxBytes, (interfaceName, packets) => {
      const counts = this.counts.of(interfaceName);
      counts.spooled -= packets;
      counts.dropped.spool_dropped += packets;
      this.delivery.noteLoss('the spool is full (--spool-max-bytes), the oldest go');
    });
  }

  private startReplay(): void {
    const { settings } = this;
    this.tellOfSpool();
    const replay = new Replay(
      {
        files: settings.read,
        pace: settings.pace,
        rebaseTime: settings.rebaseTime,
        packetFilter: settings.packetFilter,
        timeline: settings.timeline,
        isolateFiles: settings.isolateFiles,
        finishTimeline: settings.finishTimeline,
        tickIntervalMs: settings.tickInterval,
        signal: this.aborter.signal,
      },
      this.intake,
      this.delivery,
      this.log,
    );
    // At full speed blocks fill faster than any timer.
    if (settings.pace || settings.read.includes('-')) this.flushRegularly(FLUSH_INTERVAL_MIN_MS);
    this.replaying = replay.play().then(this.finish.resolve, this.finish.reject);
  }

  /** A replay sends no live traffic along: its balance and its end are those of its files. */
  private tellOfSpool(): void {
    const { spoolDir } = this.settings;
    const packets = spoolDir === '' ? 0 : countWaitingPackets(spoolDir);
    if (packets === 0) return;
    this.log.warn({ packets }, `${packets} packets wait in the spool ${spoolDir}; the next live capture sends them`);
  }

  private async startLive(): Promise<void> {
    const { settings, log } = this;
    const names = settings.interface.length > 0 ? settings.interface : [await this.defaultInterface()];
    const engine = await chooseEngine(settings.engine);
    this.engineName = engine.name;
    for (const name of new Set(names)) {
      const intake = this.intake.source({ name, timeline: '' });
      const options = {
        interface: name,
        snapLength: settings.snapLength,
        kernelBufferBytes: settings.kernelBufferSize,
        packetFilter: settings.packetFilter,
        promiscuous: settings.promiscuous,
      };
      const source = new LiveSource(engine, options, intake, log);
      this.live.push({ source, intake });
      await source.start();
      log.info({ interface: name, engine: engine.name }, 'capturing');
    }
    this.flushRegularly(FLUSH_INTERVAL_MIN_MS);
    this.every(settings.tickInterval, () => this.tick());
  }

  private async defaultInterface(): Promise<string> {
    const name = await defaultRouteInterface();
    if (name !== null) return name;
    throw new Failure('CONFIGURATION', 'there is no default route: name what to capture on with --interface or --read');
  }

  /** Packets captured before the tick are sent before it. */
  private tick(): void {
    const origin = this.live.find(({ intake }) => intake.origin !== null)?.intake.origin;
    if (origin === null || origin === undefined) return;
    this.intake.passTime(Date.now() * 1000);
    this.intake.flush();
    this.delivery.tick(TICK_KEY, encodeTick(origin, Date.now() * 1000, false));
  }

  private flushRegularly(interval: number): void {
    const before = performance.eventLoopUtilization();
    this.flushTimer = setTimeout(() => {
      this.intake.flush();
      const { utilization } = performance.eventLoopUtilization(before);
      this.flushRegularly(nextFlushInterval(interval, utilization));
    }, interval);
  }

  private every(milliseconds: number, action: () => void): void {
    this.timers.push(setInterval(action, milliseconds));
  }

  private status(): ReturnType<ConstructorParameters<typeof Heartbeat>[3]> {
    const { seen, published, dropped } = this.counts.total();
    const interfaces = [...this.counts.all()];
    const up = new Map(this.live.map(({ source }) => [source.name, source.up]));
    return {
      capture_node: this.settings.nodeId,
      version: projectVersion,
      started_at: this.startedAt.toISOString(),
      interfaces: interfaces.map((counts) => ({
        name: counts.name,
        seen: counts.seen,
        bytes: counts.bytes,
        kernel_dropped: counts.dropped.kernel_dropped,
        engine: this.engineName,
        up: up.get(counts.name) ?? this.isFinite,
      })),
      seen,
      published,
      dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, dropped[reason]])),
      spool_bytes: this.delivery.spoolBytes,
      spool_max_bytes: this.settings.spoolMaxBytes,
      totals: { packets: seen, bytes: interfaces.reduce((sum, counts) => sum + counts.bytes, 0) },
    };
  }
}

function samplingOf(settings: CaptureSettings): Sampling {
  const packets = parseSamplingRate(settings.sample) ?? 1;
  const flows = parseSamplingRate(settings.sampleFlows) ?? 1;
  if (packets > 1 && flows > 1) {
    throw new Failure('CONFIGURATION', '--sample and --sample-flows exclude each other: a batch records one rate');
  }
  if (packets > 1) return { kind: 'packet', rate: packets };
  return flows > 1 ? { kind: 'flow', rate: flows } : { kind: 'none', rate: 1 };
}
