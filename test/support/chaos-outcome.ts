/**
 * Holds what a fleet has stored and said in a round of chaos against what must be there, and says each difference in a line.
 *
 * Promised to the row: packets and conversations of every play that the capture node called complete; the end of every alert
 * of a capture whose last play was whole; of everything that lay on the topic, the alert events of a worker that nobody
 * disturbed, each as often; and what of a topic lies in the tables. Not promised: how much of a capture arrived whose node
 * was killed or whose play broke off (what did is of it, and once), and of a killed node's conversations those that were not
 * over (of an open one what was said at its last update, a minute ago at most).
 */
import { isDeepStrictEqual } from 'node:util';
import type { KafkaMessage } from 'kafkajs';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { countPackets, readAlerts, readTopic } from './alert-log.js';
import { type ChaosTruth, furthest, STORED_CONVERSATIONS, STORED_PACKETS } from './chaos-expectations.js';
import type { Fleet, Play } from './fleet.js';
import { UndisturbedWorker } from './undisturbed-worker.js';

/** What was on the topic before it was recreated. */
export interface EarlierTopic {
  readonly records: readonly (readonly KafkaMessage[])[];
  /** All of it had been worked on. */
  readonly workedOn: boolean;
}

/** Of sources of live traffic; no capture has them. */
export const LIVE_NETWORK = '198.19.7.';

/** All that is compared, as it is now. */
export async function differences(
  fleet: Fleet,
  /** The lanes' captures. */
  files: ReadonlyMap<string, string>,
  truth: ChaosTruth,
  earlier: EarlierTopic | null,
  liveSources: readonly string[],
): Promise<string[]> {
  const records = await readTopic(fleet.kafka, fleet.topic('packets'));
  return [
    ...(await rowDifferences(fleet, files, truth, records, earlier)),
    ...(await alertDifferences(fleet, truth, records, earlier, liveSources)),
  ];
}

interface StoredLine {
  readonly timeline: string;
  readonly line: string;
}

async function rowDifferences(
  fleet: Fleet,
  files: ReadonlyMap<string, string>,
  truth: ChaosTruth,
  records: readonly (readonly KafkaMessage[])[],
  earlier: EarlierTopic | null,
): Promise<string[]> {
  const packets = await fleet.rows.query<{ timeline: string; line: string }>(STORED_PACKETS);
  const conversations = await fleet.rows.query<{ timeline: string; line: string }>(STORED_CONVERSATIONS);
  const found: string[] = [];
  for (const [lane, file] of files) {
    const capture = { packets: truth.packets.get(file) ?? [], conversations: truth.conversations.get(file) ?? [] };
    found.push(...laneDifferences(lane, fleet.plays, capture, packets, conversations));
  }
  const published = countPackets(records) + (earlier?.workedOn ? countPackets(earlier.records) : 0);
  if (earlier?.workedOn === false ? packets.length < published : packets.length !== published)
    found.push(`${packets.length} packets are stored of ${published} on the topic`);
  return found;
}

/** Each play is a timeline of its own, of which only the node knows the name. */
function laneDifferences(
  lane: string,
  plays: readonly Play[],
  truth: { readonly packets: readonly string[]; readonly conversations: readonly string[] },
  packets: readonly StoredLine[],
  conversations: readonly StoredLine[],
): string[] {
  const [packetsOf, conversationsOf] = [byTimeline(lane, packets), byTimeline(lane, conversations)];
  const found: string[] = [];
  const incomplete: string[] = [];
  let whole = 0;
  for (const timeline of new Set([...packetsOf.keys(), ...conversationsOf.keys()])) {
    const rows = packetsOf.get(timeline) ?? [];
    const ends = conversationsOf.get(timeline) ?? [];
    const missing = [
      ...multisetDifferences(`packets of ${timeline}`, rows, truth.packets),
      ...multisetDifferences(`conversations of ${timeline}`, ends, truth.conversations),
    ];
    if (missing.length === 0) whole++;
    else incomplete.push(...missing.slice(0, 3));
    const strangers = [...surplus(rows, truth.packets), ...surplus(ends.map(endsOf), truth.conversations.map(endsOf))];
    found.push(...strangers.map((line) => `${timeline}: not of the capture, or twice: ${line}`));
  }
  const ofLane = plays.filter((play) => play.lane === lane);
  const complete = ofLane.filter((play) => play.whole && play.complete && play.kept).length;
  if (whole < complete) found.push(`${lane}: ${whole} plays are whole of ${complete}`, ...incomplete);
  if (packetsOf.size > ofLane.length) found.push(`${lane}: ${packetsOf.size} timelines of ${ofLane.length} plays`);
  return found;
}

function byTimeline(lane: string, rows: readonly StoredLine[]): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const { timeline, line } of rows) {
    if (!timeline.startsWith(`${lane}/`)) continue;
    const ofTimeline = lines.get(timeline);
    if (ofTimeline === undefined) lines.set(timeline, [line]);
    else ofTimeline.push(line);
  }
  return lines;
}

/** Start, addresses and ports: all that is known for good of a conversation that was cut off. */
function endsOf(line: string): string {
  const [start, , ...rest] = line.split(' ');
  return [start, ...rest.slice(0, 4)].join(' ');
}

/** What is there more often than expected. */
function* surplus(actual: readonly string[], expected: readonly string[]): Generator<string> {
  const left = new Map<string, number>();
  for (const line of expected) left.set(line, (left.get(line) ?? 0) + 1);
  for (const line of actual) {
    const count = left.get(line) ?? 0;
    if (count === 0) yield line;
    else left.set(line, count - 1);
  }
}

function multisetDifferences(name: string, actual: readonly string[], expected: readonly string[]): string[] {
  return [
    ...[...surplus(expected, actual)].map((line) => `${name}: missing: ${line}`),
    ...[...surplus(actual, expected)].map((line) => `${name}: too many: ${line}`),
  ];
}

async function alertDifferences(
  fleet: Fleet,
  truth: ChaosTruth,
  records: readonly (readonly KafkaMessage[])[],
  earlier: EarlierTopic | null,
  liveSources: readonly string[],
): Promise<string[]> {
  const said = await readAlerts(fleet.kafka, fleet.topic('alerts'));
  const undisturbed = undisturbedEvents(records, earlier);
  const ids = (events: readonly AlertDocument[]): string[] => events.map(describeEvent);
  const found =
    earlier?.workedOn === false
      ? [...surplus(ids(undisturbed), ids(said))].map((id) => `event never said: ${id}`)
      : multisetDifferences('events', ids(said), ids(undisturbed));

  const events = await fleet.rows.query<{ id: string; document: AlertDocument }>(
    'SELECT id, document FROM alert_events',
  );
  const unique = new Map(said.map((event) => [event.event.id, event]));
  found.push(
    ...multisetDifferences(
      'stored events',
      events.map(({ id }) => id),
      [...unique.keys()],
    ),
  );

  const states = await fleet.rows.query<{ id: string; document: AlertDocument }>('SELECT id, document FROM alerts');
  const stored = new Map(states.map(({ id, document }) => [id, document]));
  found.push(...stateDifferences('the furthest event', stored, furthest(unique.values())));
  const ofCaptures = new Map([...stored].filter(([id]) => truth.alerts.has(id)));
  found.push(...stateDifferences('nta analyze', withoutObservers(ofCaptures), withoutObservers(truth.alerts)));
  for (const source of liveSources) {
    const scans = states.filter(
      ({ document }) => document.source.address === source && document.rule.id === 'port-scan',
    );
    if (scans.length < 1 || scans.length > fleet.scansPublished.get(source)!)
      found.push(`${scans.length} port scans of ${source}, whose packets came after a clock ahead`);
  }
  return found;
}

function undisturbedEvents(
  records: readonly (readonly KafkaMessage[])[],
  earlier: EarlierTopic | null,
): AlertDocument[] {
  return records.flatMap((ofPartition, partition) => {
    const worker = new UndisturbedWorker(partition);
    if (earlier?.workedOn) {
      worker.read(earlier.records[partition] ?? []);
      worker.restart();
    }
    worker.read(ofPartition);
    return worker.alerts;
  });
}

function describeEvent({ event, rule, source, nta }: AlertDocument): string {
  const { id, sequence, close_reason, evidence } = nta.alert;
  return `${event.id} ${rule.id} ${source.address} ${id} #${sequence} ${event.action} ${close_reason ?? ''} ${evidence.packets} packets`;
}

function stateDifferences(
  of: string,
  actual: ReadonlyMap<string, AlertDocument>,
  expected: ReadonlyMap<string, AlertDocument>,
): string[] {
  return [...new Set([...actual.keys(), ...expected.keys()])].flatMap((id) => {
    const [is, should] = [actual.get(id), expected.get(id)];
    if (is === undefined || should === undefined)
      return [`alert ${is ? 'invented' : 'missing'}, against ${of}: ${describeEvent((is ?? should)!)}`];
    return isDeepStrictEqual(is, should)
      ? []
      : [`alert other than ${of}: ${describeEvent(should)}: ${changes(is, should).join(', ')}`];
  });
}

/** Without who saw it, which `nta analyze` cannot know. */
function withoutObservers(alerts: ReadonlyMap<string, AlertDocument>): Map<string, AlertDocument> {
  return new Map(
    [...alerts].map(([id, document]) => [id, { ...document, observer: { ...document.observer, name: [] } }]),
  );
}

/** Where two documents differ, as "path: this instead of that". */
function changes(is: unknown, should: unknown, path = ''): string[] {
  if (isDeepStrictEqual(is, should)) return [];
  if (!isObject(is) || !isObject(should))
    return [`${path}: ${JSON.stringify(is)} instead of ${JSON.stringify(should)}`];
  const keys = new Set([...Object.keys(is), ...Object.keys(should)]);
  return [...keys].flatMap((key) => changes(is[key], should[key], path === '' ? key : `${path}.${key}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
