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
export const PAYLOADS_READ_MAX = 6;
const LOGIN_PAYLOADS_READ_MAX = 250;
const LOGIN_SERVICES: ReadonlySet<string> = new Set(['ftp', 'smtp', 'pop3', 'imap', 'telnet', 'smb', 'http', 'rdp']);

/** Names of services in Zeek's words, where these are others. */
const ZEEK_NAMES: ReadonlyMap<string, string> = new Map([
  ['tls', 'ssl'],
  ['kerberos', 'krb'],
  ['ftp_data', 'ftp-data'],
]);

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
  /** Whether there is something of the conversation of the latest payload. */
  hasSaid = false;
  private readonly reader = new ServiceReader();
  /** By place: places are taken in order, so there are no gaps in it. */
  private readonly said: (Said | null)[] = [];
  /** What is to be read: callers fill all but service and state. */
  readonly payload: ServicePayload = {
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

  get quicSkipped(): number {
    return this.reader.quicSkipped;
  }

  /**
   * Reads `payload`, the `read`-th of its direction; whether later ones of it are worth looking at.
   * `loginsFailed` and `loginsSucceeded` are those it tells of.
   *
   * @param hasSaid `hasSaid` after the payload before
   */
  read(place: number, hasSaid: boolean, read: number): boolean {
    this.loginsFailed = this.loginsSucceeded = 0;
    this.hasSaid = hasSaid;
    if (read > LOGIN_PAYLOADS_READ_MAX) return false;
    const { payload } = this;
    const known = hasSaid ? this.said[place]! : null;
    payload.service = known === null ? null : known.service;
    payload.state = known === null ? 0 : known.state;
    const facts = this.reader.read(payload);
    const service = facts === null ? payload.service : facts.service;
    if (facts !== null) this.note(place, known, facts);
    return read < (service !== null && LOGIN_SERVICES.has(service) ? LOGIN_PAYLOADS_READ_MAX : PAYLOADS_READ_MAX);
  }

  private note(place: number, known: Said | null, facts: ServiceFacts): void {
    this.hasSaid = true;
    if (facts.loginFailed === true) this.loginsFailed = 1;
    if (facts.loginSucceeded === true) this.loginsSucceeded = 1;
    const names = namesOf(facts);
    if (known === null) {
      this.put(place, { service: facts.service, announced: '', state: facts.state, names });
      return;
    }
    known.service = facts.service;
    known.state = facts.state;
    if (names !== null) known.names = known.names === null ? names : withMore(known.names, names);
  }

  announce(place: number, service: string): void {
    this.put(place, { service: null, announced: service, state: 0, names: null });
  }

  private put(place: number, said: Said): void {
    while (this.said.length <= place) this.said.push(null);
    this.said[place] = said;
  }

  forget(place: number): void {
    this.said[place] = null;
  }

  /** In Zeek's words; what the port promises only when nothing tells and the responder has spoken; else empty. */
  serviceOf(place: number, hasSaid: boolean, transport: number, responderPort: number, hasSpoken: boolean): string {
    const said = hasSaid ? this.said[place] : null;
    const name =
      said?.service ?? (said?.announced || (hasSpoken ? serviceOfPort(transport, responderPort) : null)) ?? '';
    return ZEEK_NAMES.get(name) ?? name;
  }

  namesOf(place: number): ConversationNames | null {
    return this.said[place]?.names ?? null;
  }
}

/** What was said first stays. Rows hold the names that there were, so that more are others. */
function withMore(names: ConversationNames, more: ConversationNames): ConversationNames {
  if (isAnswerOf(names, more)) return more;
  let all: Record<string, unknown> | null = null;
  for (const name in more) {
    if (name in names) continue;
    all ??= { ...names };
    all[name] = more[name as keyof ConversationNames];
  }
  return all === null ? names : (all as ConversationNames);
}

/** Whether a question is all that was said before, and what is said now repeats it: as nearly all answers of DNS do. */
function isAnswerOf(names: ConversationNames, more: ConversationNames): boolean {
  return (
    names.dnsQuestion !== undefined &&
    names.dnsResponseCode === undefined &&
    names.dnsQuestion === more.dnsQuestion &&
    names.dnsType === more.dnsType
  );
}

type Writable = { -readonly [Name in keyof ConversationNames]: ConversationNames[Name] };

/** Null when there are none. */
export function namesOf(facts: ServiceFacts): ConversationNames | null {
  const names: Writable = {};
  if (facts.dnsQuery) names.dnsQuestion = facts.dnsQuery;
  if (facts.dnsType !== undefined) names.dnsType = DNS_TYPES[facts.dnsType] ?? `TYPE${facts.dnsType}`;
  if (facts.dnsResponseCode !== undefined) {
    names.dnsResponseCode = DNS_RESPONSE_CODES[facts.dnsResponseCode] ?? `RCODE${facts.dnsResponseCode}`;
  }
  if (facts.dnsAnswers !== undefined) names.dnsAnswers = facts.dnsAnswers;
  if (facts.serverName) names.serverName = facts.serverName;
  if (facts.alpn) names.alpn = facts.alpn;
  if (facts.ja4) names.ja4 = facts.ja4;
  if (facts.httpHost) names.httpHost = facts.httpHost;
  if (facts.httpMethod) names.httpMethod = facts.httpMethod;
  if (facts.httpStatus !== undefined) names.httpStatus = facts.httpStatus;
  if (facts.httpUserAgent) names.httpUserAgent = facts.httpUserAgent;
  if (facts.sshClient) names.sshClient = facts.sshClient;
  if (facts.sshServer) names.sshServer = facts.sshServer;
  if (facts.hassh) names.hassh = facts.hassh;
  if (facts.hasshServer) names.hasshServer = facts.hasshServer;
  if (facts.dhcpHostname) names.dhcpHostName = facts.dhcpHostname;
  if (facts.greeting) names.greeting = facts.greeting;
  if (facts.user) names.user = facts.user;
  for (const _ in names) return names;
  return null;
}
