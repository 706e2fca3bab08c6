/**
 * A short look at the application layer: a name that was asked for, of a server, of a host. A block holds it as the very
 * bytes that packet-batch-1.avsc makes of it: decoders write them, records copy them, and text is made of them only for
 * edges and for detectors that ask.
 */
import { AvroReader, putInt, putOptionalInt, putString } from './avro-bytes.js';

/** In the order of the schema's enum; a protocol is its index, encoded as twice that. */
export const APPLICATION_PROTOCOLS = ['dns', 'tls', 'http', 'dhcp'] as const;

/** Strings are cut to `APPLICATION_STRING_MAX` bytes. Absent fields are null. */
export interface Application {
  readonly protocol: (typeof APPLICATION_PROTOCOLS)[number];
  readonly dnsQuery: string | null;
  readonly dnsType: number | null;
  readonly tlsServerName: string | null;
  readonly httpHost: string | null;
  readonly dhcpMessageType: number | null;
  readonly dhcpHostname: string | null;
}

/** Bytes of UTF-8. */
export const APPLICATION_STRING_MAX = 255;
/** No application takes more bytes: four strings, two numbers and the protocol. */
export const APPLICATION_BYTES_MAX = 4 * (3 + APPLICATION_STRING_MAX) + 2 * 4 + 1;

/** Writes up to `APPLICATION_BYTES_MAX` bytes at `start` and returns where they end. */
export function writeApplication(bytes: Buffer, start: number, application: Application): number {
  let at = putInt(bytes, start, APPLICATION_PROTOCOLS.indexOf(application.protocol));
  at = putOptionalString(bytes, at, application.dnsQuery);
  at = putOptionalInt(bytes, at, application.dnsType);
  at = putOptionalString(bytes, at, application.tlsServerName);
  at = putOptionalString(bytes, at, application.httpHost);
  at = putOptionalInt(bytes, at, application.dhcpMessageType);
  return putOptionalString(bytes, at, application.dhcpHostname);
}

function putOptionalString(bytes: Buffer, at: number, text: string | null): number {
  return text === null ? putInt(bytes, at, 0) : putString(bytes, putInt(bytes, at, 1), text, APPLICATION_STRING_MAX);
}

const reader = new AvroReader();

/** What was written at `start`, by us or checked by `skipApplication`. */
export function readApplication(bytes: Buffer, start: number): Application {
  reader.reset(bytes, start, bytes.length);
  const protocol = APPLICATION_PROTOCOLS[reader.int()]!;
  const dnsQuery = readOptionalString(reader);
  const dnsType = reader.optionalUnsigned16();
  const tlsServerName = readOptionalString(reader);
  const httpHost = readOptionalString(reader);
  const dhcpMessageType = reader.optionalUnsigned16();
  const dhcpHostname = readOptionalString(reader);
  return { protocol, dnsQuery, dnsType, tlsServerName, httpHost, dhcpMessageType, dhcpHostname };
}

function readOptionalString(from: AvroReader): string | null {
  return from.some() ? from.string(APPLICATION_STRING_MAX) : null;
}

/** Moves past an application and checks everything that `readApplication` takes for granted. */
export function skipApplication(from: AvroReader): void {
  if (from.int() >>> 0 >= APPLICATION_PROTOCOLS.length) from.fail('invalid');
  skipOptionalString(from);
  from.optionalUnsigned16();
  skipOptionalString(from);
  skipOptionalString(from);
  from.optionalUnsigned16();
  skipOptionalString(from);
}

function skipOptionalString(from: AvroReader): void {
  if (!from.some()) return;
  const length = from.int();
  if (length > APPLICATION_STRING_MAX) from.fail('invalid');
  from.skip(length);
}
