/** The head of an HTTP/1 request or response, RFC 9112. Logins are those of RFC 9110 section 11 and of forms that are posted. */
import {
  SERVICE_LINE_LENGTH_MAX,
  SERVICE_NAME_LENGTH_MAX,
  SERVICE_TOKEN_LENGTH_MAX,
  type ServiceFacts,
  type ServicePayload,
} from './service-facts.js';
import { latin1, printable, startsWith } from './text.js';

/** How far to look for fields: as much as is kept of a payload. */
const HEAD_LENGTH_MAX = 4096;
const REQUEST = /^([A-Z]+) \S{1,2000}(?: HTTP\/1\.[01])?\r?\n/;
const STATUS = /^HTTP\/1\.[01] ([1-5]\d\d)\b/;
const HOST = /\r?\nhost:[ \t]*(\S+)[ \t]*\r?\n/i;
const USER_AGENT = /\r?\nuser-agent:[ \t]*([^\r\n]+)\r?\n/i;
const AUTHORIZATION = /\r?\nauthorization:[ \t]*(\S+)(?:[ \t]+(\S+))?/i;
/** NTLM begins with a message without credentials, and so may what negotiates about it (base64 of "NTLMSSP\0\1" and of SPNEGO). */
const NEGOTIATION = /^(?:TlRMTVNTUAAB|YI|YG)/;

/** What was asked last, as far as the answer's meaning depends on it. */
const ASKED_OTHER = 0;
const ASKED_WITH_CREDENTIALS = 1;
const ASKED_BY_POST = 2;

export function readHttp({ buffer, start, end, state }: ServicePayload): ServiceFacts | null {
  const first = buffer[start]!;
  if (first < 0x41 || first > 0x5a) return null; // a body, mostly
  const head = latin1(buffer, start, end, HEAD_LENGTH_MAX);
  return startsWith(buffer, start, end, 'HTTP/1.') ? readResponse(head, state) : readRequest(head);
}

function readRequest(text: string): ServiceFacts | null {
  const request = REQUEST.exec(text);
  if (request === null) return null;
  const fieldsEnd = text.search(/\r?\n\r?\n/);
  const head = fieldsEnd < 0 ? text : text.slice(0, fieldsEnd + 2);
  const method = request[1]!;
  const [, scheme, credentials] = AUTHORIZATION.exec(head) ?? [];
  const isNegotiation = /^(?:ntlm|negotiate)$/i.test(scheme ?? '') && NEGOTIATION.test(credentials ?? '');
  const asked =
    scheme !== undefined && !isNegotiation ? ASKED_WITH_CREDENTIALS : method === 'POST' ? ASKED_BY_POST : ASKED_OTHER;
  const facts: ServiceFacts = { service: 'http', state: asked };
  facts.httpMethod = method.slice(0, SERVICE_TOKEN_LENGTH_MAX);
  const host = HOST.exec(head)?.[1];
  if (host !== undefined) facts.httpHost = safe(host, SERVICE_NAME_LENGTH_MAX);
  const userAgent = USER_AGENT.exec(head)?.[1];
  if (userAgent !== undefined) facts.httpUserAgent = safe(userAgent.trimEnd(), SERVICE_LINE_LENGTH_MAX);
  return facts;
}

function readResponse(head: string, asked: number): ServiceFacts | null {
  const status = Number(STATUS.exec(head)?.[1] ?? 0);
  if (status === 0) return null;
  // 100 Continue and its kind come before the answer.
  const facts: ServiceFacts = { service: 'http', state: status < 200 ? asked : ASKED_OTHER };
  facts.httpStatus = status;
  if ((status === 401 || status === 403) && asked !== ASKED_OTHER) facts.loginFailed = true;
  if (status >= 200 && status < 300 && asked === ASKED_WITH_CREDENTIALS) facts.loginSucceeded = true;
  return facts;
}

function safe(text: string, limit: number): string {
  const bytes = Buffer.from(text, 'latin1');
  return printable(bytes, 0, bytes.length, limit);
}
