/**
 * Every packet-batch schema ever published, newest first, read from `schemas/avro/`, for avsc, which gives plain
 * objects of them for the edges.
 *
 * Avro 1.11 specification: "Single-object encoding" and "Schema Fingerprints" (CRC-64-AVRO of the Parsing Canonical
 * Form).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import avro from 'avsc';

export interface PublishedSchema {
  /** The N of `packet-batch-N.avsc`. */
  readonly version: number;
  readonly type: avro.Type;
  /** The file, JSON. */
  readonly text: string;
  /** As it stands in a record: 8 bytes, little-endian. */
  readonly fingerprint: Buffer;
}

/** CRC-64-AVRO of the empty input, which is also the polynomial. */
const EMPTY_FINGERPRINT = 0xc15d213aa4d7a795n;

/** The Rabin fingerprint of the specification, of a few kilobytes at most. */
export function fingerprintBytes(bytes: Uint8Array): Buffer {
  let fingerprint = EMPTY_FINGERPRINT;
  for (const byte of bytes) {
    let table = (fingerprint ^ BigInt(byte)) & 0xffn;
    for (let bit = 0; bit < 8; bit++) table = (table >> 1n) ^ ((table & 1n) * EMPTY_FINGERPRINT);
    fingerprint = (fingerprint >> 8n) ^ table;
  }
  const result = Buffer.alloc(8);
  result.writeBigUInt64LE(fingerprint);
  return result;
}

/** The fingerprint of a schema; `type.schema()` is its Parsing Canonical Form. */
export function fingerprintType(type: avro.Type): Buffer {
  return fingerprintBytes(Buffer.from(JSON.stringify(type.schema())));
}

let published: readonly PublishedSchema[] | undefined;

/** Newest first. Read once, when first asked for. */
export function publishedSchemas(): readonly PublishedSchema[] {
  published ??= readSchemas();
  return published;
}

/** Schemas are not compiled: from `dist/` they are found beside the sources. */
function schemaFolder(): string {
  const beside = fileURLToPath(new URL('./avro/', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../../schemas/packets/avro/', import.meta.url));
}

function readSchemas(): readonly PublishedSchema[] {
  const folder = schemaFolder();
  const schemas: PublishedSchema[] = [];
  for (const file of readdirSync(folder)) {
    const match = /^packet-batch-(\d+)\.avsc$/.exec(file);
    if (match === null) continue;
    const text = readFileSync(`${folder}/${file}`, 'utf8');
    const type = avro.Type.forSchema(JSON.parse(text) as avro.Schema);
    schemas.push({ version: Number(match[1]), type, text, fingerprint: fingerprintType(type) });
  }
  return schemas.sort((a, b) => b.version - a.version);
}
