/**
 * What was said in conversations: their first payloads through the readers of services (protocols/service/), kept by place
 * until the conversation is over. Memory is that of the conversations remembered: each has at most one entry, of a few
 * short texts.
 */
import type { ConversationNames } from '../../schemas/conversations/conversation.js';
import { ServiceReader } from '../protocols/service/service.js';
import type { ServiceFacts, ServiceName, ServicePayload } from '../protocols/service/service-facts.js';
import { serviceOfPort } from '../protocols/service/service-ports.js';

/** Payloads of each direction that are looked into, and of services whose later ones tell of logins. */
const PAYLOADS_READ_MAX = 6;
const LOGIN_PAYLOADS_READ_MAX = 250;
const LOGIN_SERVICES: ReadonlySet<string> = new Set(['ftp', 'smtp', 'pop3', 'imap', 'telnet', 'smb', 'http', 'rdp']);

/** Names of services in Zeek's words, where these are others. */
const ZEEK_NAMES: Readonly<Record<string, string>> = { tls: 'ssl', kerberos: 'krb', ftp_data: 'ftp-data' };

/** https://www.iana.org/assignments/dns-parameters: types and response codes that have names worth reading. */
const DNS_TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  10: 'NULL',
  12: 'PTR',
  13: 'HINFO',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  41: 'OPT',
  43: 'DS',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  52: 'TLSA',
  64: 'SVCB',
  65: 'HTTPS',
  99: 'SPF',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ANY',
  257: 'CAA',
};
const DNS_RESPONSE_CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET'];

/** A payload of a conversation: bytes `start … end - 1`, and whose it is. */
export interface GivenPayload {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly protocol: number;
  readonly isOriginator: boolean;
  readonly originatorPort: number;
  readonly responderPort: number;
  /** When it was captured, µs. */
  readonly time: number;
}

interface Said {
  service: ServiceName | null;
  /** In place of a service that readers know: what the conversation was announced as. */
  announced: string;
  state: number;
  names: ConversationNames | null;
}

export class ConversationServices {
  loginsFailed = 0;
  loginsSucceeded = 0;
  private readonly reader = new ServiceReader();
  private readonly said = new Map<number, Said>();
  private readonly payload: ServicePayload = {
    buffer: new Uint8Array(0),
    start: 0,
    end: 0,
    transport: 0,
    fromOriginator: false,
    originatorPort: 0,
    responderPort: 0,
    service: null,
    state: 0,
    time: 0,
  };

  /**
   * Reads a payload, the `read`-th of its direction; whether later ones of it are worth looking at.
   * `loginsFailed` and `loginsSucceeded` are those it tells of.
   */
  read(place: number, given: GivenPayload, read: number): boolean {
    this.loginsFailed = this.loginsSucceeded = 0;
    if (read > LOGIN_PAYLOADS_READ_MAX) return false;
    const { payload } = this;
    const known = this.said.get(place);
    payload.buffer = given.bytes;
    payload.start = given.start;
    payload.end = given.end;
    payload.transport = given.protocol;
    payload.fromOriginator = given.isOriginator;
    payload.originatorPort = given.originatorPort;
    payload.responderPort = given.responderPort;
    payload.service = known?.service ?? null;
    payload.state = known?.state ?? 0;
    payload.time = given.time;
    const facts = this.reader.read(payload);
    const service = facts === null ? (known?.service ?? null) : facts.service;
    if (facts !== null) this.note(place, known, facts);
    return read < (service !== null && LOGIN_SERVICES.has(service) ? LOGIN_PAYLOADS_READ_MAX : PAYLOADS_READ_MAX);
  }

  private note(place: number, known: Said | undefined, facts: ServiceFacts): void {
    if (facts.loginFailed === true) this.loginsFailed = 1;
    if (facts.loginSucceeded === true) this.loginsSucceeded = 1;
    const names = namesOf(facts);
    if (known === undefined) {
      this.said.set(place, { service: facts.service, announced: '', state: facts.state, names });
      return;
    }
    known.service = facts.service;
    known.state = facts.state;
    // What was said first stays.
    if (names !== null) known.names = { ...names, ...known.names };
  }

  announce(place: number, service: string): void {
    this.said.set(place, { service: null, announced: service, state: 0, names: null });
  }

  forget(place: number): void {
    this.said.delete(place);
  }

  /** In Zeek's words; what the port promises only when nothing tells and the responder has spoken; else empty. */
  serviceOf(place: number, transport: number, responderPort: number, hasSpoken: boolean): string {
    const said = this.said.get(place);
    const name =
      said?.service ?? (said?.announced || (hasSpoken ? serviceOfPort(transport, responderPort) : null)) ?? '';
    return ZEEK_NAMES[name] ?? name;
  }

  namesOf(place: number): ConversationNames | null {
    return this.said.get(place)?.names ?? null;
  }
}

/** Null when there are none. */
function namesOf(facts: ServiceFacts): ConversationNames | null {
  const names: Record<string, string | number> = {};
  const put = (name: keyof ConversationNames, value: string | number | undefined): void => {
    if (value !== undefined && value !== '') names[name] = value;
  };
  put('dnsQuestion', facts.dnsQuery);
  if (facts.dnsType !== undefined) put('dnsType', DNS_TYPES[facts.dnsType] ?? `TYPE${facts.dnsType}`);
  if (facts.dnsResponseCode !== undefined) {
    put('dnsResponseCode', DNS_RESPONSE_CODES[facts.dnsResponseCode] ?? `RCODE${facts.dnsResponseCode}`);
  }
  put('dnsAnswers', facts.dnsAnswers);
  put('serverName', facts.serverName);
  put('alpn', facts.alpn);
  put('ja4', facts.ja4);
  put('httpHost', facts.httpHost);
  put('httpMethod', facts.httpMethod);
  put('httpStatus', facts.httpStatus);
  put('httpUserAgent', facts.httpUserAgent);
  put('sshClient', facts.sshClient);
  put('sshServer', facts.sshServer);
  put('hassh', facts.hassh);
  put('hasshServer', facts.hasshServer);
  put('dhcpHostName', facts.dhcpHostname);
  put('greeting', facts.greeting);
  put('user', facts.user);
  return Object.keys(names).length === 0 ? null : (names as ConversationNames);
}
