/** A conversation said by hand, payload by payload, to the readers of services. */
import { ServiceReader } from '../../producers/protocols/service/service.js';
import type { ServiceFacts, ServiceName, ServicePayload } from '../../producers/protocols/service/service-facts.js';

const MARGIN = 32;

export class Dialogue {
  service: ServiceName | null = null;
  state = 0;
  private readonly reader = new ServiceReader();

  constructor(
    readonly responderPort: number,
    readonly transport: 6 | 17 = 6,
    private readonly surroundings = 0,
  ) {}

  client(payload: string | Uint8Array, time = 0): ServiceFacts | null {
    return this.say(payload, true, time);
  }

  server(payload: string | Uint8Array, time = 0): ServiceFacts | null {
    return this.say(payload, false, time);
  }

  private say(said: string | Uint8Array, fromOriginator: boolean, time: number): ServiceFacts | null {
    const bytes = typeof said === 'string' ? Buffer.from(said, 'latin1') : said;
    const buffer = Buffer.alloc(bytes.length + 2 * MARGIN, this.surroundings);
    buffer.set(bytes, MARGIN);
    const { transport, responderPort, service, state } = this;
    const payload: ServicePayload = {
      buffer,
      start: MARGIN,
      end: MARGIN + bytes.length,
      time,
      transport,
      fromOriginator,
      originatorPort: 40000,
      responderPort,
      service,
      state,
    };
    const facts = this.reader.read(payload);
    if (facts !== null) {
      this.service = facts.service;
      this.state = facts.state;
    }
    return facts;
  }
}
