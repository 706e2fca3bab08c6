/** What conversations say, for reference-tracker.ts: the readers of services asked about one payload after another. */

import { namesOf } from '../../../producers/conversations/conversation-services.js';
import { ServiceReader } from '../../../producers/protocols/service/service.js';
import type { ServicePayload } from '../../../producers/protocols/service/service-facts.js';
import { serviceOfPort } from '../../../producers/protocols/service/service-ports.js';
import type { ConversationNames } from '../../../schemas/conversations/conversation.js';

export interface Said {
  service: ServicePayload['service'];
  announced: string;
  state: number;
  names: ConversationNames | null;
  loginsFailed: number;
  loginsSucceeded: number;
}

export function nothingSaid(): Said {
  return { service: null, announced: '', state: 0, names: null, loginsFailed: 0, loginsSucceeded: 0 };
}

const LOGIN_SERVICES = ['ftp', 'smtp', 'pop3', 'imap', 'telnet', 'smb', 'http', 'rdp'];

export class ReferenceServices {
  private readonly reader = new ServiceReader();

  /** Whether later payloads of the direction are to be read. */
  read(said: Said, payload: ServicePayload, count: number): boolean {
    if (count > 250) return false;
    const facts = this.reader.read(payload);
    if (facts !== null) {
      said.service = facts.service;
      said.state = facts.state;
      if (facts.loginFailed) said.loginsFailed++;
      if (facts.loginSucceeded) said.loginsSucceeded++;
      const names = namesOf(facts);
      if (names !== null) said.names = { ...names, ...said.names };
    }
    return count < (LOGIN_SERVICES.includes(said.service ?? '') ? 250 : 6);
  }

  serviceOf(said: Said, protocol: number, responderPort: number, hasSpoken: boolean): string {
    const byPort = hasSpoken ? serviceOfPort(protocol, responderPort) : null;
    const name: string = said.service ?? (said.announced || byPort || '');
    return { tls: 'ssl', kerberos: 'krb', ftp_data: 'ftp-data' }[name] ?? name;
  }
}
