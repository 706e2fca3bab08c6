/** The certificate that the API shows: read at the start, and again when its files change and on SIGHUP. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecureContextOptions, Server } from 'node:tls';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { readCertificates, readPemFile } from '../../runtime/process/setting-file.js';
import { type WatchedFiles, watchFiles } from '../../runtime/process/watched-files.js';
import type { ApiSettings } from '../settings.js';

export type TlsSettings = Pick<ApiSettings, 'apiTlsCert' | 'apiTlsKey'>;

/** Whoever renews a certificate writes two files; they are read when both have been still for so long. */
const SETTLE_MS = 500;

export function isTls({ apiTlsCert, apiTlsKey }: TlsSettings): boolean {
  if ((apiTlsCert === '') !== (apiTlsKey === '')) {
    const [given, missing] =
      apiTlsCert === '' ? ['--api-tls-key', '--api-tls-cert'] : ['--api-tls-cert', '--api-tls-key'];
    throw new Failure('CONFIGURATION', `${given} is given without ${missing}; TLS needs both`);
  }
  return apiTlsCert !== '';
}

/** @throws Failure `CONFIGURATION` for files that cannot be read or do not belong together. */
export function readTls({ apiTlsCert, apiTlsKey }: TlsSettings): SecureContextOptions {
  const cert = readCertificates('--api-tls-cert', apiTlsCert);
  const key = readPemFile('--api-tls-key', apiTlsKey);
  let belongs: boolean;
  try {
    belongs = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new Failure(
      'CONFIGURATION',
      `--api-tls-key: ${apiTlsKey} holds no private key that can be read: ${messageOf(error)}; give a PEM file without a passphrase`,
      { cause: error },
    );
  }
  if (!belongs) {
    throw new Failure(
      'CONFIGURATION',
      `--api-tls-key: ${apiTlsKey} is not the key of the certificate in ${apiTlsCert}`,
    );
  }
  return { cert, key, minVersion: 'TLSv1.2' };
}

/** Keeps the certificate of a server as its files have it. */
export class TlsReload {
  private watched: WatchedFiles | undefined;
  private readonly onSignal = (): void => this.reload();

  constructor(
    private readonly settings: TlsSettings,
    private readonly server: Server,
    private readonly log: Logger,
  ) {}

  async start(): Promise<void> {
    process.on('SIGHUP', this.onSignal);
    const { apiTlsCert, apiTlsKey } = this.settings;
    this.watched = await watchFiles([apiTlsCert, apiTlsKey], SETTLE_MS, () => this.reload());
  }

  async stop(): Promise<void> {
    process.off('SIGHUP', this.onSignal);
    await this.watched?.close();
  }

  private reload(): void {
    const { apiTlsCert } = this.settings;
    try {
      const context = readTls(this.settings);
      this.server.setSecureContext(context);
      const { validTo } = new X509Certificate(context.cert as string);
      this.log.info({ certificate: apiTlsCert, valid_to: validTo }, 'the certificate was read again');
    } catch (error) {
      this.log.error({ certificate: apiTlsCert }, `the certificate in force stays: ${messageOf(error)}`);
    }
  }
}
