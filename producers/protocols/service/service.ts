/**
 * What conversations say of themselves: one payload of a conversation to the service it speaks and the names, versions
 * and outcomes it gives. Unlike the decoders beside this folder, which fill columns of every packet, these readers are
 * asked about the first payloads of a conversation only, and give plain objects.
 *
 * To add a service: its name in `SERVICES` (service-facts.ts), a file with its reader, a line in `ServiceReader`, and
 * where its first bytes tell it, a line in recognition.ts. Every payload comes from a stranger: readers never throw,
 * read nothing outside `start … end`, and cut texts to their limits.
 */
import { readDhcp } from './dhcp-reader.js';
import { readDns } from './dns-reader.js';
import { readHttp } from './http-reader.js';
import { readKerberos } from './kerberos-reader.js';
import { readFtp, readImap, readPop3, readSmtp } from './line-readers.js';
import { PendingPayloads } from './pending-payloads.js';
import { QuicReader } from './quic-reader.js';
import { readRdp } from './rdp-reader.js';
import { isTlsHandshake, recognise } from './recognition.js';
import type { PayloadReader, ServiceFacts, ServiceName, ServicePayload } from './service-facts.js';
import { readSmb } from './smb-reader.js';
import { readSsh } from './ssh-reader.js';
import { readTelnet } from './telnet-reader.js';
import { readTls } from './tls-reader.js';

/** Conversations of these may go on in TLS: STARTTLS and its kin, CONNECT of HTTP. They stay what they were. */
const STARTS_TLS: readonly ServiceName[] = ['http', 'ftp', 'smtp', 'pop3', 'imap'];

/** One a capture node: what has to be put together from several payloads waits in it, within bounds. */
export class ServiceReader {
  private readonly pending = new PendingPayloads();
  private readonly quic = new QuicReader();
  private readonly readers: Readonly<Record<ServiceName, PayloadReader>> = {
    dns: readDns,
    dhcp: readDhcp,
    tls: readTls,
    quic: (payload) => this.quic.read(payload),
    http: readHttp,
    ssh: (payload) => readSsh(payload, this.pending),
    smb: readSmb,
    rdp: readRdp,
    kerberos: readKerberos,
    ftp: readFtp,
    smtp: readSmtp,
    pop3: readPop3,
    imap: readImap,
    telnet: readTelnet,
  };

  /** QUIC packets that were not decrypted because too many came in a second. */
  get quicSkipped(): number {
    return this.quic.skipped;
  }

  /** What a payload says, or null when it says nothing. Cheap for payloads that nobody recognises. */
  read(payload: ServicePayload): ServiceFacts | null {
    if (payload.start >= payload.end) return null;
    const service = payload.service ?? recognise(payload);
    if (service === null) return null;
    if (STARTS_TLS.includes(service) && isTlsHandshake(payload)) {
      const facts = readTls(payload);
      return facts && { ...facts, service };
    }
    return this.readers[service](payload);
  }
}
