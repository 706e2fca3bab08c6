/** server.properties of the local broker: one KRaft node that is broker and controller at once. */
import { KAFKA_MECHANISM, type KafkaLogin, plainJaas, scramJaas } from './kafka-login.js';

export interface KafkaConfiguration {
  readonly brokerPort: number;
  readonly controllerPort: number;
  /** Listeners beside our own: Kafka's name of one → its port. How each is secured is said by `overrides`. */
  readonly listeners: Readonly<Record<string, number>>;
  /** The one user that is let in, of clients and of the broker itself. */
  readonly login: KafkaLogin;
  /** How the broker logs in at its controller, which cannot know the users before the log that holds them is read. */
  readonly controllerLogin: KafkaLogin;
  /** Also let in, with PLAIN: who gives a storage without users its first. */
  readonly founder?: KafkaLogin;
  /** The folder of the topics' data, relative to the broker's working directory: Kafka would split a path at commas. */
  readonly logDirectory: string;
  /** Added to or put in place of the settings here. */
  readonly overrides: Readonly<Record<string, string>>;
}

export const NODE_ID = 1;

/** https://kafka.apache.org/documentation/#brokerconfigs */
export function renderKafkaConfiguration(configuration: KafkaConfiguration): string {
  const { brokerPort, controllerPort, logDirectory } = configuration;
  const clientListeners = Object.entries({ LOCAL: brokerPort, ...configuration.listeners })
    .map(([name, port]) => `${name}://127.0.0.1:${port}`)
    .join(',');
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': `${NODE_ID}`,
    'controller.quorum.voters': `${NODE_ID}@127.0.0.1:${controllerPort}`,
    listeners: `${clientListeners},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': clientListeners,
    'controller.listener.names': 'CONTROLLER',
    ...securityOf(configuration),
    'log.dirs': logDirectory,

    // One node: nothing can be replicated. Few internal partitions, each costs files and start time.
    'default.replication.factor': '1',
    'min.insync.replicas': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',

    // After a kill the controller takes the broker's new life for a second broker until the old one's session ends: with
    // the default of 9 s a restart took 12.5 s, with 3 s 5.6 s (after a clean stop 3.5 s). A session that ends while a
    // busy machine keeps the broker waiting takes its partitions offline, so it is not the shortest.
    'broker.session.timeout.ms': '6000',
    'broker.heartbeat.interval.ms': '1000',

    // A misspelt topic is an error, not a new topic; a consumer alone in its group need not wait for others.
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
    // The default of 6 s is the least time in which a lost worker can be noticed.
    'group.min.session.timeout.ms': '1000',

    // Bounds for topics that set none of their own, so that a forgotten run cannot fill the disk.
    'log.retention.hours': '24',
    'log.retention.bytes': `${4 * 2 ** 30}`,
    'log.segment.bytes': `${128 * 2 ** 20}`,
    'log.retention.check.interval.ms': '30000',

    // The default of 128 MB would take a quarter of the heap.
    'log.cleaner.dedupe.buffer.size': `${16 * 2 ** 20}`,
    'num.network.threads': '2',
    'num.io.threads': '4',
    'num.recovery.threads.per.data.dir': '2',
    ...configuration.overrides,
  };
  return `${Object.entries(properties)
    .map(([name, value]) => `${name}=${escapeValue(value)}`)
    .join('\n')}\n`;
}

/** Loopback is no protection: every account of the machine reaches it. */
function securityOf({ login, controllerLogin, founder }: KafkaConfiguration): Record<string, string> {
  const users = [login, controllerLogin, ...(founder ? [founder] : [])];
  return {
    'listener.security.protocol.map': 'LOCAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT',
    'inter.broker.listener.name': 'LOCAL',
    'sasl.mechanism.inter.broker.protocol': KAFKA_MECHANISM,
    'listener.name.local.sasl.enabled.mechanisms': founder ? `${KAFKA_MECHANISM},PLAIN` : KAFKA_MECHANISM,
    [`listener.name.local.${KAFKA_MECHANISM.toLowerCase()}.sasl.jaas.config`]: scramJaas(login),
    ...(founder ? { 'listener.name.local.plain.sasl.jaas.config': plainJaas(founder, false) } : {}),
    'sasl.mechanism.controller.protocol': 'PLAIN',
    'listener.name.controller.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.controller.plain.sasl.jaas.config': plainJaas(controllerLogin, true),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'false',
    'super.users': users.map(({ user }) => `User:${user}`).join(';'),
  };
}

/** java.util.Properties: a backslash starts an escape; anything beyond Latin-1 is \uXXXX. */
function escapeValue(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
