/** What Zeek's words about conversations mean, for whoever points at one. */
import type { Conversation } from '../../views/conversation-view.js';

export const STATE_MEANINGS: Readonly<Record<Conversation['state'], string>> = {
  S0: 'Attempt seen, no answer',
  S1: 'Established, not ended',
  S2: 'Established; the originator closed, no answer to that',
  S3: 'Established; the responder closed, no answer to that',
  SF: 'Normal begin and end',
  REJ: 'Attempt rejected',
  RSTO: 'Established, the originator aborted (RST)',
  RSTR: 'The responder aborted (RST)',
  RSTOS0: 'The originator sent a SYN, then a RST; no SYN-ACK seen',
  RSTRH: 'The responder sent a SYN-ACK, then a RST; no SYN seen',
  SH: 'The originator sent a SYN, then a FIN; no SYN-ACK seen',
  SHR: 'The responder sent a SYN-ACK, then a FIN; no SYN seen',
  OTH: 'Begin not seen: traffic from the middle',
};

export const OUTCOME_MEANINGS: Readonly<Record<Conversation['outcome'], string>> = {
  answered: 'The responder answered',
  unanswered: 'Nobody answered',
  refused_rst: 'Refused by a RST',
  refused_icmp: 'Refused by an ICMP error',
  unseen: 'Only one direction, or only the middle, was seen',
} as Readonly<Record<Conversation['outcome'], string>>;

/** "refused_rst" → "refused (RST)". */
export const outcomeName = (outcome: string): string =>
  ({ refused_rst: 'refused (RST)', refused_icmp: 'refused (ICMP)' })[outcome] ?? outcome.replaceAll('_', ' ');

const HISTORY: Readonly<Record<string, string>> = {
  s: 'SYN',
  h: 'SYN-ACK',
  a: 'ACK',
  d: 'data',
  f: 'FIN',
  r: 'RST',
  c: 'bad checksum',
  g: 'gap',
  t: 'retransmission',
  w: 'zero window',
  i: 'inconsistent flags',
  q: 'several flags at once',
};

/** "ShAD" → "originator: SYN, responder: SYN-ACK, originator: ACK, originator: data". */
export function historyWords(history: string): string {
  const steps = [...history].map((letter) => {
    if (letter === '^') return 'direction turned round';
    const what = HISTORY[letter.toLowerCase()] ?? letter;
    return `${letter === letter.toUpperCase() ? 'originator' : 'responder'}: ${what}`;
  });
  return steps.join(', ');
}

/** Of TCP and UDP "10.0.0.7:443"; IPv6 in brackets; of ICMP the address alone. */
export function endpoint(address: string, port: number, protocol: string): string {
  if (protocol.startsWith('icmp')) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
