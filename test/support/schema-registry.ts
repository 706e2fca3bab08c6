/** A schema registry as far as its API is used here: the same schema gets the same number, others the next. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RegistryRequest {
  /** "POST /subjects/…" */
  readonly line: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: { readonly schema: string };
}

export interface TestRegistry {
  readonly url: string;
  readonly requests: readonly RegistryRequest[];
  /** What it answers instead of numbering schemas. */
  refusal: { readonly status: number; readonly body: string } | null;
  stop(): Promise<void>;
}

/** The number of the first schema; the next is one more. */
export const FIRST_SCHEMA_ID = 70_000;
export const REGISTRY_CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';

/** On 127.0.0.1, at the given port or a free one. */
export async function startTestRegistry(port = 0): Promise<TestRegistry> {
  const ids = new Map<string, number>();
  const requests: RegistryRequest[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += String(part);
    const body = JSON.parse(text) as RegistryRequest['body'];
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    const schema = JSON.stringify(JSON.parse(body.schema));
    if (!ids.has(schema)) ids.set(schema, FIRST_SCHEMA_ID + ids.size);
    const { refusal } = registry;
    response.writeHead(refusal?.status ?? 200, { 'Content-Type': REGISTRY_CONTENT_TYPE });
    response.end(refusal?.body ?? JSON.stringify({ id: ids.get(schema) }));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const registry: TestRegistry = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    refusal: null,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}
