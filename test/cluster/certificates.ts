/** Certificates as Strimzi makes them: an authority, the broker's, and one a Kafka user, in the Secrets that the parts mount. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaUsers } from '../support/kafka-users.js';
import { STATE } from './machine.js';

const FOLDER = join(STATE, 'tls');
const KEY_KIND = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: FOLDER, stdio: ['ignore', 'ignore', 'pipe'] });
}
const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');

function sign(name: string, ...extensions: readonly string[]): void {
  openssl(
    ...['req', '-x509', ...KEY_KIND, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-keyout', `${name}.key`],
    ...['-out', `${name}.crt`, '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...extensions.flatMap((extension) => ['-addext', extension]),
  );
}

/** Makes the files of the broker (servers.sh names them) and those of every user, by an authority that is new each time. */
export function makeCertificates(): void {
  const before = existsSync(join(FOLDER, 'ca.crt')) ? read('ca.crt') : '';
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  openssl('req', '-x509', ...KEY_KIND, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=authority');
  // While an authority is replaced, the next one and the last one are trusted.
  writeFileSync(join(FOLDER, 'authorities.crt'), read('ca.crt') + before);
  sign('broker', 'subjectAltName=DNS:kafka.kafka.svc');
  writeFileSync(join(FOLDER, 'broker.pem'), read('broker.key') + read('broker.crt') + read('ca.crt'), { mode: 0o600 });
  for (const { metadata } of kafkaUsers) sign(metadata.name);
}

/** The certificate of a part's user. */
export const certificateOf = (part: string): string => read(`nta-kafka-${part}.crt`);

/** The Secrets, where the parts are; those of capture also for the replays in `default`. */
export function kafkaSecrets(): string {
  const secret = (name: string, namespace: string, stringData: object) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  });
  const placesOf = (name: string) => (name === 'nta-kafka-capture' ? ['nta-capture', 'default'] : ['nta']);
  const items = [
    ...['nta', 'nta-capture', 'default'].map((namespace) =>
      secret('nta-kafka-ca', namespace, { 'ca.crt': read('authorities.crt') }),
    ),
    ...kafkaUsers.flatMap(({ metadata: { name } }) =>
      placesOf(name).map((namespace) =>
        secret(name, namespace, { 'user.crt': read(`${name}.crt`), 'user.key': read(`${name}.key`) }),
      ),
    ),
  ];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
