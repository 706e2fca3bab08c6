/**
 * What stands in a process's environment besides plain settings: the files of secrets, which is how Kubernetes, Docker and
 * systemd hand them over, and the links to services that Kubernetes and Docker set by themselves.
 */
import { readFileSync, statSync } from 'node:fs';
import { messageOf } from './failure.js';

/** Told of what was found and is worth a line in the log. */
export type Notices = (message: string) => void;

export const NO_NOTICES: Notices = () => undefined;

/** More than any secret has; a file beyond it is the wrong one. */
const MAXIMUM_SECRET_BYTES = 64 * 1024;

/** The variable that names the file of a secret, as the images of Postgres and many others have it. */
export function secretFileVariable(env: string): string {
  return `${env}_FILE`;
}

/**
 * Whether a value is what kubelet and Docker set for a service of that name: a Service `nta-api` makes
 * `NTA_API_PORT=tcp://10.96.0.7:80` in every container of its namespace.
 */
export function isServiceLink(env: string, text: string): boolean {
  return env.endsWith('_PORT') && /^(tcp|udp|sctp):\/\/\S+$/.test(text);
}

/**
 * A secret from its variable or from the file that its other variable names. Of the file the line break at its end does
 * not count. A reason never carries what was read.
 */
export function readSecretSetting(
  env: string,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly text?: string; readonly refused?: string } {
  const variable = secretFileVariable(env);
  const file = environment[variable] ?? '';
  const text = environment[env];
  if (file === '') return text === undefined ? {} : { text };
  if (text !== undefined && text !== '') return { refused: `${variable}: ${env} is set as well; set one of the two` };
  try {
    const { size } = statSync(file);
    if (size > MAXIMUM_SECRET_BYTES)
      return { refused: `${variable}: ${file} has ${size} bytes, which no secret has; name the file of the secret` };
    const secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (secret === '') return { refused: `${variable}: ${file} is empty; put the secret into it` };
    return { text: secret };
  } catch (error) {
    return { refused: `${variable}: cannot read ${file}: ${messageOf(error)}; name a file that holds the secret` };
  }
}
