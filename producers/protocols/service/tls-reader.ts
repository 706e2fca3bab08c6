/** TLS over TCP: what a ClientHello asks for, and who asks. */
import { type ClientHello, readClientHello } from './client-hello.js';
import { ja4 } from './ja4.js';
import type { ServiceFacts, ServicePayload } from './service-facts.js';

const CHANGE_CIPHER_SPEC = 0x14;
const CHANGE_CIPHER_SPEC_LENGTH = 6;
const HANDSHAKE = 0x16;
const RECORD_HEADER_LENGTH = 5;

export function readTls({ buffer, start, end, state }: ServicePayload): ServiceFacts | null {
  // The second hello of a client that was asked for another key share comes behind one of these.
  const record = buffer[start] === CHANGE_CIPHER_SPEC ? start + CHANGE_CIPHER_SPEC_LENGTH : start;
  if (record >= end || buffer[record] !== HANDSHAKE) return null;
  const hello = readClientHello(buffer, record + RECORD_HEADER_LENGTH, end);
  return hello === null ? { service: 'tls', state } : helloFacts('tls', hello, state);
}

/** JA4 is told of a whole hello alone: of a part it would be another client's. */
export function helloFacts(service: 'tls' | 'quic', hello: ClientHello, state: number): ServiceFacts {
  const facts: ServiceFacts = { service, state };
  if (hello.serverName !== null) facts.serverName = hello.serverName;
  if (hello.alpn !== null) facts.alpn = hello.alpn;
  if (hello.isWhole) facts.ja4 = ja4(hello, service === 'tls' ? 't' : 'q');
  return facts;
}
