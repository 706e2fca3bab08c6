/** What requests carry through the API, and what they ask for by their form. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Identity } from './identity.js';

export type ApiBindings = {
  readonly Bindings: Partial<HttpBindings>;
  readonly Variables: {
    /** Of every call but those that anybody may send. */
    identity: Identity;
    requestId: string;
  };
};

export function hostOf(c: Context<ApiBindings>): string {
  return c.req.header('host') ?? new URL(c.req.url).host;
}

/** Reads by their meaning: a search has a body, but changes nothing. */
export function isRead(method: string, path: string): boolean {
  return (
    method === 'GET' ||
    method === 'HEAD' ||
    (method === 'POST' && /^\/api\/(packets|conversations)\/search$/.test(path))
  );
}
