/**
 * Answers that do not look like those of a working network. Two kinds:
 *
 * Names that do not exist, of many registered domains within the window: a domain generation algorithm looks for the few that its
 * master has registered. Names of one domain are one (a block list answers most questions so), single labels are none
 * (browsers test for hijacking resolvers so), and where most names asked for exist it is a busy resolver.
 *
 * Two different answers to one question, with one identifier and more answers than questions: somebody forges them (RFC 5452), on
 * the way or from aside.
 */

import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { isReverse, registeredDomain } from './dns-names.js';

const NO_SUCH_NAME = 3;
const DOMAINS_MAX = 1024;
const QUESTIONS_MAX = 1024;
const ANSWERED_MICROS = 10e6;

interface Question {
  readonly server: string;
  readonly name: string;
  asked: number;
  answered: number;
  digest: number;
  last: number;
}
/** Of a client, and of a client and a server where answers contradict one another. */
interface Answers {
  client: string;
  server: string;
  forged: string;
  readonly missing: WindowedSet<string>;
  readonly existing: WindowedSet<string>;
  /** Of a client; by `numberOf`. */
  readonly questions: Map<number, Question>;
  /** Of a client and a server. */
  readonly conflicts: WindowedSet<number>;
}

export const dnsAnomaly = defineWatcher<Answers>()({
  id: 'dns-anomaly',
  version: '1',
  name: 'DNS anomaly',
  summary:
    'A client asks within the window for names of many registered domains that do not exist; or questions get two different answers, one of them forged.',
  techniques: [
    { id: 'T1568.002', name: 'Dynamic Resolution: Domain Generation Algorithms' },
    { id: 'T1557', name: 'Adversary-in-the-Middle' },
  ],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  observations: ['dns'],
  counts: 'registered domains that do not exist',
  threshold: { default: 20, minimum: 2, maximum: 500, help: 'distinct registered domains that do not exist' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {
    conflicts: {
      kind: 'integer',
      default: 2,
      minimum: 1,
      maximum: 1000,
      help: 'questions with two different answers within the window',
    },
  },
  createWatcher: ({ conflicts }, { windowMicros, threshold }) => ({
    newState: () => ({
      client: '',
      server: '',
      forged: '',
      missing: new WindowedSet(windowMicros, Math.max(DOMAINS_MAX, 2 * threshold)),
      existing: new WindowedSet(windowMicros, DOMAINS_MAX),
      questions: new Map(),
      conflicts: new WindowedSet(windowMicros, QUESTIONS_MAX),
    }),
    bytes: ({ missing, existing, questions }) => 600 + 100 * (missing.size + existing.size) + 200 * questions.size,
    observation: (observation, watch) => {
      if (observation.kind !== 'dns' || observation.question === '') return;
      const { question, response, responseCode, time, transactionId, clientPort, type, answerDigest } = observation;
      const client = response ? observation.destination : observation.source;
      const server = response ? observation.source : observation.destination;
      const number = numberOf(transactionId, clientPort, type, question, server);
      const state = watch.key(client);
      state.client = client;
      // without addresses there is nothing to forge
      const isCompared = !response || answerDigest !== 0;
      if (isCompared && contradicts(state.questions, number, server, question, time, response ? answerDigest : null)) {
        const pair = watch.key(`${client} ${server}`);
        pair.client = client;
        pair.server = server;
        pair.forged = question;
        const disputed = pair.conflicts.add(time, number);
        watch.measure(disputed >= conflicts ? Math.max(threshold, disputed) : 0, server);
        watch.key(client);
      }
      if (!response || isReverse(question)) return;
      const domain = registeredDomain(question);
      if (domain === '') return;
      state.server = server;
      if (responseCode !== NO_SUCH_NAME) {
        if (responseCode === 0) state.existing.add(time, domain);
        return;
      }
      const missing = state.missing.add(time, domain);
      watch.measure(missing > state.existing.advance(time) ? missing : 0, server);
    },
    describe: ({ peak }, { client, server, forged, conflicts: disputed, missing }) =>
      forged !== ''
        ? {
            message: `${client} gets two different answers of ${server} to one question, ${disputed.size} times, the last for ${forged}`,
            details: { kind: 'forged answers', question: forged, questions: disputed.size },
            source: { ip: client, address: client },
            destination: { ip: server },
            related: [server],
          }
        : {
            message: `${client} asked for names of ${Math.max(peak, missing.size)} domains that do not exist, such as ${[...missing.values()].slice(-3).join(', ')}`,
            details: { kind: 'names that do not exist', domains: Math.max(peak, missing.size) },
            source: { ip: client, address: client },
            related: [server],
          },
  }),
});

/** Tells questions of a client apart: identifier and port, and 21 bits of the rest. A text for each cost more than all else. */
function numberOf(transactionId: number, clientPort: number, type: number, name: string, server: string): number {
  const hash = hashed(hashed(type, name), server);
  return (transactionId * 0x1_0000 + clientPort) * 0x20_0000 + ((hash ^ (hash >>> 15)) & 0x1f_ffff);
}

function hashed(start: number, text: string): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/**
 * Notes a question (`digest` null) or an answer of a server.
 *
 * @returns whether the answer contradicts one before, and there are more answers than questions
 */
function contradicts(
  questions: Map<number, Question>,
  number: number,
  server: string,
  name: string,
  time: number,
  digest: number | null,
): boolean {
  const known = questions.get(number);
  const isKnown =
    known !== undefined && known.name === name && known.server === server && time - known.last <= ANSWERED_MICROS;
  const question = isKnown ? known : { server, name, asked: 0, answered: 0, digest: 0, last: time };
  questions.delete(number);
  questions.set(number, question);
  if (questions.size > QUESTIONS_MAX) questions.delete(questions.keys().next().value!);
  question.last = time;
  if (digest === null) {
    question.asked++;
    return false;
  }
  question.answered++;
  const isOther = question.digest !== 0 && question.digest !== digest;
  question.digest = digest;
  return isOther && question.answered > question.asked;
}
