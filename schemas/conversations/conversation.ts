/**
 * What a conversation is, in the field's words: the packets of one 5-tuple (ICMP: type, code and identifier in place of ports)
 * between its originator, who began it, and its responder. The capture node makes these, because only it sees both
 * directions; everything downstream reads them.
 *
 * `conn_state` and `history` are Zeek's, with Zeek's meanings:
 * https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html
 */

/** Zeek's `conn_state`. The index is the value of the column `state`. */
export const CONNECTION_STATES = [
  /** A connection attempt, or a first datagram, that nobody answered. */
  'S0',
  /** Established, not terminated. */
  'S1',
  /** Established, the originator has closed; no answer to that. */
  'S2',
  /** Established, the responder has closed; no answer to that. */
  'S3',
  /** Normal begin and end; of datagrams (UDP, SCTP): both have spoken. */
  'SF',
  /** The attempt was rejected. */
  'REJ',
  /** Established, the originator aborted (RST). */
  'RSTO',
  /** The responder aborted (RST). */
  'RSTR',
  /** The originator sent a SYN and then a RST; no SYN-ACK was seen. */
  'RSTOS0',
  /** The responder sent a SYN-ACK and then a RST; no SYN was seen. */
  'RSTRH',
  /** The originator sent a SYN and then a FIN; no SYN-ACK was seen ("half open"). */
  'SH',
  /** The responder sent a SYN-ACK and then a FIN; no SYN was seen. Of datagrams: only the responder has spoken. */
  'SHR',
  /** No SYN was seen: the middle of a connection, never closed. All of ICMP, as in Zeek. */
  'OTH',
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/** What became of the attempt. The index is the value of the column `outcome`. */
export const OUTCOMES = [
  /** Not known: the begin was not seen, or this tap sees one direction only. Never guessed. */
  'unseen',
  /** The responder has not answered (yet). An opening packet without an outcome after the wait is this, too. */
  'unanswered',
  /** The responder answered: SYN-ACK, a datagram back, an echo reply. */
  'answered',
  /** The responder refused with a RST, or over SCTP with an ABORT. */
  'refused_rst',
  /** Somebody refused with an ICMP error that quotes the attempt (RFC 792, RFC 4443). */
  'refused_icmp',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const OUTCOME_UNSEEN = 0;
export const OUTCOME_UNANSWERED = 1;
export const OUTCOME_ANSWERED = 2;
export const OUTCOME_REFUSED_RST = 3;
export const OUTCOME_REFUSED_ICMP = 4;

/** Why a row about a conversation was written. The index is the value of the column `event`. */
export const CONVERSATION_EVENTS = [
  /** The first answer of the responder; counters stand as of then. */
  'answered',
  /** The first refusal. */
  'refused',
  /** Still open after another update interval; counters are those so far (totals, not differences). */
  'updated',
  /** Over: closed, reset, idle for longer than its timeout, or the capture ended. */
  'ended',
  /**
   * Nothing will be said of an answer: this tap sees one direction only. In place of `answered` or `refused`, so that
   * nobody takes silence for a refusal; `outcome` is `unseen`.
   */
  'unseen',
] as const;
export type ConversationEvent = (typeof CONVERSATION_EVENTS)[number];

export const EVENT_ANSWERED = 0;
export const EVENT_REFUSED = 1;
export const EVENT_UPDATED = 2;
export const EVENT_ENDED = 3;
export const EVENT_UNSEEN = 4;

/** Longest `history`, characters; what would come behind is left out. */
export const HISTORY_MAX = 24;
/** Longest text of a name, bytes of UTF-8; longer ones are cut. */
export const NAME_BYTES_MAX = 255;

/**
 * What was said in a conversation where that is plain to see; all optional, all cut at `NAME_BYTES_MAX`. Keys are part of
 * the wire format and of `conversations.names` in Postgres.
 */
export interface ConversationNames {
  /** DNS: the first question, its type as text ("A", "TXT"), response code as text ("NOERROR"), number of answers. */
  readonly dnsQuestion?: string;
  readonly dnsType?: string;
  readonly dnsResponseCode?: string;
  readonly dnsAnswers?: number;
  /** TLS or QUIC ClientHello: server name, first application protocol offered, JA4. */
  readonly serverName?: string;
  readonly alpn?: string;
  readonly ja4?: string;
  readonly httpHost?: string;
  readonly httpMethod?: string;
  readonly httpStatus?: number;
  readonly httpUserAgent?: string;
  /** SSH: software of both sides, HASSH of client and server. */
  readonly sshClient?: string;
  readonly sshServer?: string;
  readonly hassh?: string;
  readonly hasshServer?: string;
  /** Host name a DHCP client gave. */
  readonly dhcpHostName?: string;
  /** First line of a server that greets (FTP, SMTP, POP3, IMAP, Telnet). */
  readonly greeting?: string;
  /** User named in clear by the client (FTP USER, POP3 USER, RDP cookie, NTLM, Kerberos): never a password. */
  readonly user?: string;
}
