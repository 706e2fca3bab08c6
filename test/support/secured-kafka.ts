/**
 * A broker of a test's own that listens with TLS and SASL as well, with an authority, certificates and users made for it:
 *
 *     PLAINTEXT       neither
 *     SSL             TLS; the broker's key in a PKCS12 store
 *     MUTUAL          TLS that asks for the client's certificate too; PEM stores
 *     SASL_SSL        TLS, and users by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512
 *     SASL_PLAINTEXT  the same users without TLS
 */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import getPort from 'get-port';
import { provideKafkaDistribution } from '../../deploy/local-stack/kafka-distribution.js';
import { type PrivateStack, startPrivateStack } from './local-stack.js';

const execute = promisify(execFile);

export type SecuredListener = 'PLAINTEXT' | 'SSL' | 'MUTUAL' | 'SASL_SSL' | 'SASL_PLAINTEXT';

export const KAFKA_USER = 'nta-fleet';
/** With what quotes, commas and equal signs may break in a JAAS line, a SCRAM message or a shell. */
export const KAFKA_PASSWORD = 'Geheim,=n,,1%&$x';

export interface SecuredKafka {
  readonly stack: PrivateStack;
  /** `host:port` of a listener. */
  address(listener: SecuredListener): string;
  /** PEM files: of the broker's authority, of another one, and of a client that the first has signed. */
  readonly authority: string;
  readonly strangeAuthority: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  remove(): Promise<void>;
}

export interface SecuredKafkaOptions {
  /** The broker's connections.max.reauth.ms: for so long a login is good; 0 for ever. */
  readonly loginLifetimeMs?: number;
}

export async function startSecuredKafka({ loginLifetimeMs = 0 }: SecuredKafkaOptions = {}): Promise<SecuredKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'nta-test-tls-'));
  chmodSync(folder, 0o700);
  try {
    const files = makeCertificates(folder);
    const ports: Record<SecuredListener, number> = {
      PLAINTEXT: await getPort({ host: '127.0.0.1' }),
      SSL: await getPort({ host: '127.0.0.1' }),
      MUTUAL: await getPort({ host: '127.0.0.1' }),
      SASL_SSL: await getPort({ host: '127.0.0.1' }),
      SASL_PLAINTEXT: await getPort({ host: '127.0.0.1' }),
    };
    const stack = await startPrivateStack({
      kafka: true,
      postgres: false,
      kafkaListeners: ports,
      kafkaProperties: securityProperties(files, loginLifetimeMs),
    });
    const remove = async (): Promise<void> => {
      await stack.remove();
      rmSync(folder, { recursive: true, force: true });
    };
    const address = (listener: SecuredListener): string => `127.0.0.1:${ports[listener]}`;
    await addScramUser(address('PLAINTEXT')).catch(async (error: unknown) => {
      await remove();
      throw error;
    });
    return {
      stack,
      address,
      authority: files.authority,
      strangeAuthority: files.strangeAuthority,
      clientCertificate: files.clientCertificate,
      clientKey: files.clientKey,
      remove,
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface CertificateFiles {
  readonly authority: string;
  readonly strangeAuthority: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** Key and certificate of the broker. */
  readonly brokerPem: string;
  readonly brokerPkcs12: string;
}

const STORE_PASSWORD = 'store-secret';
const KEY_KIND = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

function makeCertificates(folder: string): CertificateFiles {
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const authority = (name: string): string => {
    const [key, certificate] = [path(`${name}-key.pem`), path(`${name}.pem`)];
    openssl('req', '-x509', ...KEY_KIND, '-keyout', key, '-out', certificate, '-subj', `/CN=${name}`);
    return certificate;
  };
  const signed = (name: string): { key: string; certificate: string } => {
    const [key, certificate] = [path(`${name}-key.pem`), path(`${name}.pem`)];
    openssl(
      ...['req', '-x509', ...KEY_KIND, '-CA', path('authority.pem'), '-CAkey', path('authority-key.pem')],
      ...['-keyout', key, '-out', certificate, '-subj', `/CN=${name}`],
      ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'subjectAltName=IP:127.0.0.1'],
    );
    return { key, certificate };
  };
  const [known, strange] = [authority('authority'), authority('stranger')];
  const broker = signed('broker');
  const client = signed('client');
  const [brokerPem, brokerPkcs12] = [path('broker-store.pem'), path('broker-store.p12')];
  const chain = [broker.certificate, known].map((file) => openssl('x509', '-in', file));
  writeFileSync(brokerPem, Buffer.concat([openssl('pkcs8', '-topk8', '-nocrypt', '-in', broker.key), ...chain]));
  openssl(
    ...['pkcs12', '-export', '-inkey', broker.key, '-in', broker.certificate, '-certfile', known, '-name', 'broker'],
    ...['-out', brokerPkcs12, '-passout', `pass:${STORE_PASSWORD}`],
  );
  return {
    authority: known,
    strangeAuthority: strange,
    clientCertificate: client.certificate,
    clientKey: client.key,
    brokerPem,
    brokerPkcs12,
  };
}

/** https://kafka.apache.org/documentation/#security */
function securityProperties(files: CertificateFiles, loginLifetimeMs: number): Record<string, string> {
  const quoted = KAFKA_PASSWORD.replaceAll('"', '\\"');
  const plainLogin = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${KAFKA_USER}="${quoted}";`;
  const scramLogin = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const pkcs12 = (listener: string): Record<string, string> => ({
    [`listener.name.${listener}.ssl.keystore.type`]: 'PKCS12',
    [`listener.name.${listener}.ssl.keystore.location`]: files.brokerPkcs12,
    [`listener.name.${listener}.ssl.keystore.password`]: STORE_PASSWORD,
    [`listener.name.${listener}.ssl.key.password`]: STORE_PASSWORD,
  });
  const users = (listener: string): Record<string, string> => ({
    [`listener.name.${listener}.plain.sasl.jaas.config`]: plainLogin,
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: scramLogin,
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`]: scramLogin,
  });
  return {
    'listener.security.protocol.map':
      'LOCAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,MUTUAL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    // Here it is connections that are refused; whoever gets one may do everything.
    'allow.everyone.if.no.acl.found': 'true',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'connections.max.reauth.ms': String(loginLifetimeMs),
    ...pkcs12('ssl'),
    ...pkcs12('sasl_ssl'),
    'listener.name.mutual.ssl.keystore.type': 'PEM',
    'listener.name.mutual.ssl.keystore.location': files.brokerPem,
    'listener.name.mutual.ssl.truststore.type': 'PEM',
    'listener.name.mutual.ssl.truststore.location': files.authority,
    'listener.name.mutual.ssl.client.auth': 'required',
    ...users('sasl_ssl'),
    ...users('sasl_plaintext'),
  };
}

/** SCRAM users live in the cluster's metadata; kafkajs has no request for them. A request takes one credential of a user. */
async function addScramUser(bootstrap: string): Promise<void> {
  const { java, classPath } = await provideKafkaDistribution({ dataDir: tmpdir() });
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    await execute(java.command, [
      ...['-XX:TieredStopAtLevel=1', '-cp', classPath, 'kafka.admin.ConfigCommand', '--bootstrap-server', bootstrap],
      ...['--alter', '--entity-type', 'users', '--entity-name', KAFKA_USER],
      ...['--add-config', `${mechanism}=[password=${KAFKA_PASSWORD}]`],
    ]);
  }
}
