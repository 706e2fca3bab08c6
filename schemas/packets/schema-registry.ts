/**
 * Schema Registry (the REST API of Confluent's, which Karapace, Apicurio and Redpanda share): every published schema is
 * registered under the subject of its topic, and records carry the registry's number of theirs instead of a fingerprint:
 * a zero byte, four bytes of the number, big-endian, and the datum ("Wire format" of its documentation).
 *
 * What the registry said is kept once a process, as the schemas are. Producers and consumers both register, which is
 * the same as asking where somebody has registered already: whoever starts first, all know all numbers.
 */
import { type PublishedSchema, publishedSchemas } from './packet-batch-schemas.js';

/** Bytes in front of the datum in the registry's framing. */
export const REGISTERED_PREFIX_LENGTH = 5;

/** How long the registry may take to answer, milliseconds. */
const TIMEOUT_MS = 10_000;
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';

/** The registry does not answer (`status` is null) or refuses a schema. */
export class SchemaRegistryError extends Error {
  constructor(
    message: string,
    readonly status: number | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SchemaRegistryError';
  }
}

const registered = new Map<number, PublishedSchema>();
let newestPrefix: Buffer | null = null;

/** The published schema that has this number in the registry. */
export function registeredSchema(id: number): PublishedSchema | undefined {
  return registered.get(id);
}

/** What goes in front of a datum of the newest schema; null while there is no registry. */
export function registeredPrefix(): Buffer | null {
  return newestPrefix;
}

/**
 * Registers the schemas under `<topic>-value`; records are written in the registry's framing from then on.
 *
 * @param url may carry a user and a password for basic authentication.
 * @throws SchemaRegistryError
 */
export async function registerSchemas(url: string, topic: string): Promise<void> {
  const endpoint = new URL(`subjects/${encodeURIComponent(`${topic}-value`)}/versions`, `${url.replace(/\/*$/, '')}/`);
  const { username, password } = endpoint;
  endpoint.username = endpoint.password = '';
  const headers: Record<string, string> = { 'Content-Type': CONTENT_TYPE, Accept: CONTENT_TYPE };
  if (username !== '') {
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    headers['Authorization'] = `Basic ${Buffer.from(login).toString('base64')}`;
  }
  // Oldest first: the registry holds each to those before it.
  for (const schema of publishedSchemas().toReversed()) {
    const id = await register(endpoint, headers, schema);
    registered.set(id, schema);
    newestPrefix = Buffer.alloc(REGISTERED_PREFIX_LENGTH);
    newestPrefix.writeUInt32BE(id, 1);
  }
}

async function register(endpoint: URL, headers: Record<string, string>, schema: PublishedSchema): Promise<number> {
  let status: number | null = null;
  let answer: unknown;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(endpoint, {
      method: 'POST',
      headers,
      body: JSON.stringify({ schema: schema.text }),
      signal,
    });
    status = response.status;
    answer = await response.json();
  } catch (error) {
    const reason = status === null ? reasonOf(error) : `HTTP ${status} without JSON`;
    throw new SchemaRegistryError(`${endpoint.origin}: ${reason}`, status, { cause: error });
  }
  const { id, message } = answer as { readonly id?: unknown; readonly message?: unknown };
  if (status === 200 && typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= 0xffffffff) return id;
  const reason = typeof message === 'string' ? message : 'an answer without a schema id';
  throw new SchemaRegistryError(`${endpoint.href}: HTTP ${status}, ${reason}`, status);
}

/** fetch says only "fetch failed" and has the reason in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

/** As before any registry was asked; for tests. */
export function forgetRegisteredSchemas(): void {
  registered.clear();
  newestPrefix = null;
}
