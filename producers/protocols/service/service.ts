/**
 * What conversations say of themselves: one payload of a conversation to the service it speaks and the names, versions
 * and outcomes it gives. Unlike the decoders beside this folder, which fill columns of every packet, these readers are
 * asked about the first payloads of a conversation only, and give plain objects.
 *
 * To add a service: its name in `SERVICES` (service-facts.ts), a file with its reader, a line in `ServiceReader`, and
 * where its first bytes tell it, a line in recognition.ts. Every payload comes from a stranger: readers never throw,
 * read nothing outside `start … end`, and cut texts to their limits.
 */
import { recognise } from './recognition.js';
import type { ServiceFacts, ServicePayload } from './service-facts.js';

/** One a capture node: what has to be put together from several payloads waits in it, within bounds. */
export class ServiceReader {
  /** What a payload says, or null when it says nothing. Cheap for payloads that nobody recognises. */
  read(payload: ServicePayload): ServiceFacts | null {
    const service = payload.service ?? recognise(payload);
    return service === null ? null : { service, state: payload.state };
  }
}
