/**
 * What a conversation's payloads are asked for and what they answer: the words that service readers, the conversation
 * table and tests share.
 */

export const SERVICES = [
  'dns',
  'dhcp',
  'tls',
  'quic',
  'http',
  'ssh',
  'smb',
  'rdp',
  'kerberos',
  'ftp',
  'smtp',
  'pop3',
  'imap',
  'telnet',
] as const;

export type ServiceName = (typeof SERVICES)[number];

/** Characters; what is longer is cut. Texts hold printable ASCII, other bytes as `\DDD` (RFC 1035 section 5.1). */
export const SERVICE_NAME_LENGTH_MAX = 255;
/** Greetings, banners and user agents. */
export const SERVICE_LINE_LENGTH_MAX = 128;
/** JA4, HASSH, ALPN, methods. */
export const SERVICE_TOKEN_LENGTH_MAX = 64;

/** One payload. Callers keep one object and fill it again; readers keep nothing of it. */
export interface ServicePayload {
  buffer: Uint8Array;
  /** Bytes `start … end - 1` of the buffer were captured of the payload. */
  start: number;
  end: number;
  /** When it was captured, µs: what costs much work is done so many times a second of the capture's own clock. */
  time: number;
  /** IP protocol: 6 or 17; others have no services. */
  transport: number;
  /** Who sent it; false where nobody knows who began and the sender has the lower port. */
  fromOriginator: boolean;
  originatorPort: number;
  responderPort: number;
  /** What earlier payloads of the conversation were recognised as; null before that. */
  service: ServiceName | null;
  /** `ServiceFacts.state` of the latest payload of the conversation that gave facts; 0 before the first. */
  state: number;
}

/** What one payload says. What it does not say is absent. */
export interface ServiceFacts {
  readonly service: ServiceName;
  /**
   * To be given back with the next payload of the conversation, of either end: what its reader has to know of those
   * before. A 32-bit number of the reader's own meaning.
   */
  readonly state: number;

  dnsQuery?: string;
  dnsType?: number;
  /** RCODE of a response, and how many records its answer section claims. */
  dnsResponseCode?: number;
  dnsAnswers?: number;

  dhcpMessageType?: number;
  dhcpHostname?: string;

  /** TLS and QUIC. */
  serverName?: string;
  /** The first protocol of a ClientHello's list. */
  alpn?: string;
  ja4?: string;

  httpMethod?: string;
  httpHost?: string;
  httpUserAgent?: string;
  httpStatus?: number;

  /** SSH identification strings, and HASSH of either side. */
  sshClient?: string;
  sshServer?: string;
  hassh?: string;
  hasshServer?: string;

  /** "NT LM 0.12" (SMB 1) or "2.0.2", "3.1.1", … */
  smbDialect?: string;
  smbCommand?: number;
  /** NT status of the answer to a SESSION_SETUP. */
  smbStatus?: number;

  /** The cookie of a connection request: "mstshash=" and a user, or "msts=" and a routing token. */
  rdpCookie?: string;
  /** Security protocol the server chose: 0 standard, 1 TLS, 2 CredSSP, 8 CredSSP with early authorization. */
  rdpSelectedProtocol?: number;

  kerberosMessageType?: number;
  kerberosErrorCode?: number;

  /** First line of a server: FTP, SMTP, POP3, IMAP, Telnet. */
  greeting?: string;
  /** Latest reply code of FTP and SMTP. */
  replyCode?: number;

  /** Whom the client says it is, where it says so in the clear (USER of FTP and POP3, RDP's cookie, NTLM in SMB). Never a password. */
  user?: string;

  /** The server refused credentials, or took them. Never of encrypted services, whose answers cannot be read. */
  loginFailed?: boolean;
  loginSucceeded?: boolean;
}

/** Reads one payload of its service; null when it says nothing. */
export type PayloadReader = (payload: ServicePayload) => ServiceFacts | null;
