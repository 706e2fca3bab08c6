/** What TCP and UDP carry in test traffic: DNS, a TLS ClientHello, HTTP, DHCP. */
import { ipv4Bytes, ipv6Bytes, macBytes } from './address-bytes.js';

export const DNS_TYPE = { a: 1, cname: 5, ptr: 12, aaaa: 28 } as const;

export interface DnsQuestion {
  readonly id: number;
  readonly name: string;
  readonly type?: number;
}

/** RFC 1035: a recursive query of class IN. */
export function dnsQuery(question: DnsQuestion): Buffer {
  return Buffer.concat([dnsHeader(question.id, 0x0100, 0), dnsQuestion(question)]);
}

export interface DnsAnswer {
  /** "192.0.2.1" or "2001:db8::1"; decides between A and AAAA. */
  readonly address: string;
  /** Seconds. */
  readonly ttl?: number;
}

/** The answer of a recursive resolver; names of answers point back to the question. */
export function dnsResponse(question: DnsQuestion, answers: readonly DnsAnswer[]): Buffer {
  const records = answers.map(({ address, ttl }) => {
    const data = address.includes(':') ? ipv6Bytes(address) : ipv4Bytes(address);
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(data.length === 16 ? DNS_TYPE.aaaa : DNS_TYPE.a, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(ttl ?? 300, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([dnsHeader(question.id, 0x8180, answers.length), dnsQuestion(question), ...records]);
}

function dnsHeader(id: number, flags: number, answerCount: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answerCount, 6);
  return header;
}

function dnsQuestion(question: DnsQuestion): Buffer {
  const labels = question.name.split('.').filter((label) => label !== '');
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(question.type ?? DNS_TYPE.a, 1);
  tail.writeUInt16BE(1, 3);
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    tail,
  ]);
}

export interface ClientHelloOptions {
  /** Bytes of the key share: 32 by default, 1,216 of X25519 with ML-KEM-768. */
  readonly keyShareLength?: number;
  /** The server name behind the key share, in place of before all extensions. */
  readonly nameLast?: boolean;
  /** Protocols of ALPN; the extension is left out without any. */
  readonly protocols?: readonly string[];
}

/** RFC 8446 section 4.1.2: a ClientHello record with the server name (RFC 6066), or without when the name is empty. */
export function tlsClientHello(serverName: string, options: ClientHelloOptions = {}): Buffer {
  const body = clientHelloBody(serverName, options);
  const handshake = Buffer.concat([Buffer.from([1, 0]), vector16(body)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), vector16(handshake)]);
}

function clientHelloBody(serverName: string, options: ClientHelloOptions): Buffer {
  const { keyShareLength = 32, protocols = [] } = options;
  const name = Buffer.from(serverName);
  const serverNameExtension =
    name.length === 0 ? [] : [extension(0, vector16(Buffer.concat([Buffer.from([0]), vector16(name)])))];
  const alpn = protocols.map((protocol) => Buffer.concat([Buffer.from([protocol.length]), Buffer.from(protocol)]));
  const extensions = [
    ...(options.nameLast ? [] : serverNameExtension),
    ...(protocols.length === 0 ? [] : [extension(16, vector16(Buffer.concat(alpn)))]),
    extension(10, vector16(Buffer.from([0x00, 0x1d, 0x00, 0x17]))), // x25519, secp256r1
    extension(13, vector16(Buffer.from([0x04, 0x03, 0x08, 0x04]))),
    extension(43, Buffer.from([4, 0x03, 0x04, 0x03, 0x03])), // TLS 1.3, 1.2
    extension(51, vector16(Buffer.concat([Buffer.from([0x00, 0x1d]), vector16(Buffer.alloc(keyShareLength, 0x5a))]))),
    ...(options.nameLast ? serverNameExtension : []),
  ];
  return Buffer.concat([
    Buffer.from([0x03, 0x03]),
    Buffer.alloc(32, 0xa5), // random
    Buffer.from([0]), // no session id
    vector16(Buffer.from([0x13, 0x01, 0x13, 0x02, 0xc0, 0x2f])),
    Buffer.from([1, 0]), // no compression
    vector16(Buffer.concat(extensions)),
  ]);
}

/** What a ClientHello offers, as fingerprints of clients see it. */
export interface ClientHelloLists {
  readonly version: number;
  readonly ciphers: readonly number[];
  /** Types in the order sent; those of names, protocols, versions and signatures are filled, the others empty. */
  readonly extensions: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** Bytes of the one protocol of ALPN; null where the extension is not among the types. */
  readonly protocol: Uint8Array | null;
  /** A made-up version (RFC 8701) before the real ones. */
  readonly greasesVersions?: boolean;
}

/** A handshake message of these lists, without a record around it. */
export function clientHelloOf(lists: ClientHelloLists): Buffer {
  const numbers = (values: readonly number[]): Buffer => Buffer.concat(values.map((value) => twoBytes(value)));
  const versions = [...(lists.greasesVersions ? [0xdada] : []), lists.version, 0x0303];
  const contents: Readonly<Record<number, Buffer>> = {
    0: vector16(Buffer.concat([Buffer.from([0]), vector16(Buffer.from('www.example.org'))])),
    13: lists.signatureAlgorithms.length === 0 ? Buffer.alloc(0) : vector16(numbers(lists.signatureAlgorithms)),
    16: vector16(Buffer.concat([Buffer.from([lists.protocol?.length ?? 0]), lists.protocol ?? Buffer.alloc(0)])),
    43: Buffer.concat([Buffer.from([2 * versions.length]), numbers(versions)]),
  };
  const body = Buffer.concat([
    twoBytes(lists.version === 0x0304 ? 0x0303 : lists.version), // 1.3 is told by an extension alone
    Buffer.alloc(32, 0xa5),
    Buffer.from([0]),
    vector16(numbers(lists.ciphers)),
    Buffer.from([1, 0]),
    vector16(Buffer.concat(lists.extensions.map((type) => extension(type, contents[type] ?? Buffer.alloc(0))))),
  ]);
  return Buffer.concat([Buffer.from([1, 0]), vector16(body)]);
}

function twoBytes(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

/** A TLS record of application data of `length` bytes in all. */
export function tlsApplicationData(length: number): Buffer {
  return Buffer.concat([Buffer.from([23, 3, 3]), vector16(Buffer.alloc(Math.max(0, length - 5), 0xe7))]);
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), vector16(data)]);
}

/** Bytes after their length in two bytes. */
function vector16(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([data.length >> 8, data.length & 255]), data]);
}

/** RFC 9112. */
export function httpRequest(host: string, path = '/'): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n`);
}

/** A whole response with a body of `bodyLength` bytes. */
export function httpResponse(bodyLength: number): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bodyLength}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bodyLength, 0x78)]);
}

export const DHCP_MESSAGE_TYPE = { discover: 1, offer: 2, request: 3, ack: 5 } as const;

export interface DhcpOptions {
  readonly messageType: number;
  readonly clientMac: string;
  readonly transactionId?: number;
  readonly hostname?: string;
  /** The address given, in offers and acknowledgments. */
  readonly yourAddress?: string;
}

/** RFC 2131 and 2132. */
export function dhcp(options: DhcpOptions): Buffer {
  const fixed = Buffer.alloc(240);
  const fromServer = options.messageType === DHCP_MESSAGE_TYPE.offer || options.messageType === DHCP_MESSAGE_TYPE.ack;
  fixed[0] = fromServer ? 2 : 1;
  fixed[1] = 1;
  fixed[2] = 6;
  fixed.writeUInt32BE(options.transactionId ?? 0x3903f326, 4);
  if (options.yourAddress !== undefined) fixed.set(ipv4Bytes(options.yourAddress), 16);
  fixed.set(macBytes(options.clientMac), 28);
  fixed.writeUInt32BE(0x63825363, 236);
  const hostname = Buffer.from(options.hostname ?? '');
  return Buffer.concat([
    fixed,
    Buffer.from([53, 1, options.messageType]),
    ...(hostname.length > 0 ? [Buffer.from([12, hostname.length]), hostname] : []),
    Buffer.from([255]),
  ]);
}
