/** Alert documents of an episode. Nothing in them depends on when or where they were made. */
import { createHash } from 'node:crypto';
import {
  type AlertAction,
  type AlertDocument,
  type AlertEvidence,
  formatTimestamp,
  SEVERITY_NAMES,
} from '../../schemas/alerts/alert.js';
import type { EpisodeEvidence } from '../contract/evidence.js';
import type { WatcherText } from '../contract/watch.js';
import { type Episode, TEXT_MARK } from './episode.js';

const ECS_VERSION = '8.17.0';
const CATEGORIES = ['network', 'intrusion_detection'];

export type CloseReason = 'quiet' | 'end_of_timeline' | 'cut_off' | 'superseded' | 'evicted' | 'disabled';

/** The episode's id: 128 bits of SHA-256 over detector, version, key and first crossing time. */
export function episodeId(episode: Episode): string {
  const { key, rule, crossed } = episode;
  const parts = [key.detector, rule.detector.version, key.source, String(key.part), String(crossed)];
  return digest(key.site === '' ? parts : [...parts, key.site]);
}

/**
 * The id of an event says what the event says. Its number alone would not do: a capture that is played in part closes the
 * episode with the number that another event has when it is played whole, and may end before the answers to its last packets.
 */
function eventId(
  episode: string,
  sequence: number,
  action: AlertAction,
  closeReason: CloseReason | null,
  { firstSeen, lastSeen, packets, peak, outcomes }: EpisodeEvidence,
): string {
  return digest([
    episode,
    ...[sequence, firstSeen, lastSeen, packets, peak].map(String),
    closeReason === null ? action : `${action} ${closeReason}`,
    ...(closeReason === null || outcomes === null ? [] : [outcomes.answered, outcomes.failed].map(String)),
  ]);
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

export function alertDocument(
  episode: Episode,
  action: AlertAction,
  time: number,
  closeReason: CloseReason | null,
): AlertDocument {
  const { rule, key } = episode;
  const { detector } = rule;
  const evidence = episode.evidence(action === 'close');
  const text = episode.describe(evidence);
  if (text.severity !== undefined && text.severity > episode.severity) episode.severity = text.severity;
  const { severity } = episode;
  const id = episodeId(episode);
  const { source, destination, related } = endsOf(episode, evidence, text);
  return {
    '@timestamp': formatTimestamp(time),
    ecs: { version: ECS_VERSION },
    message: text.message,
    event: {
      id: eventId(id, episode.sequence, action, closeReason, evidence),
      kind: 'alert',
      category: CATEGORIES,
      type: detector.eventTypes,
      action,
      module: 'nta',
      dataset: 'nta.alerts',
      severity,
      start: formatTimestamp(evidence.firstSeen),
      end: formatTimestamp(evidence.lastSeen),
      reason: reasonOf(episode, action, closeReason),
    },
    rule: { id: detector.id, name: detector.name, version: detector.version },
    source,
    ...(destination ? { destination } : {}),
    threat: {
      framework: 'MITRE ATT&CK',
      technique: {
        id: detector.techniques.map((technique) => technique.id),
        name: detector.techniques.map((technique) => technique.name),
      },
    },
    observer: { name: [...episode.captureNodes].sort(), product: 'nta', type: 'sensor' },
    related: { ip: related },
    ...networkOf(episode),
    nta: {
      ...(key.site === '' ? {} : { site: key.site }),
      ...(episode.incident === null ? {} : { incident: { id: episode.incident.id } }),
      alert: {
        id,
        sequence: episode.sequence,
        status: action === 'close' ? 'closed' : 'open',
        severity_name: SEVERITY_NAMES[severity],
        crossed: formatTimestamp(episode.crossed),
        threshold: rule.threshold,
        window_seconds: rule.windowMicros / 1e6,
        ...(closeReason === null ? {} : { close_reason: closeReason }),
        evidence: evidenceDocument(
          text.macs === undefined ? evidence : { ...evidence, macs: text.macs },
          { ...outcomeDetails(evidence), ...text.details },
          text.macs === undefined ? detector.values : 'macs',
        ),
      },
    },
  };
}

/** The conversations behind it, as other sensors name them. */
function networkOf({ conversations }: Episode): Pick<AlertDocument, 'network'> {
  const ids = conversations.all();
  return ids.length === 0 ? {} : { network: { community_id: ids } };
}

/** Of a source that is an IPv6 prefix, its first address. */
function ipOf(source: string): string {
  return source.split('/')[0]!;
}

/** Who did it and to whom, by what the detection is keyed by. */
function endsOf(
  episode: Episode,
  evidence: EpisodeEvidence,
  text: WatcherText,
): Pick<AlertDocument, 'source' | 'destination'> & { readonly related: readonly string[] } {
  const { keyedBy } = episode.rule.detector;
  const key = episode.key.source;
  const others = evidence.targets.sample;
  const isText = key.startsWith(TEXT_MARK);
  let source: AlertDocument['source'];
  let destination: AlertDocument['destination'] | null;
  if (keyedBy === 'target') {
    const only = evidence.targets.distinct === 1 ? others[0] : undefined;
    source = only === undefined ? { address: MANY } : { ip: only, address: only };
    destination = { ip: ipOf(key) };
  } else if (isText) {
    source = { address: key.slice(TEXT_MARK.length) };
    destination = destinationOf(evidence);
  } else {
    source = { ip: ipOf(key), address: key };
    destination = destinationOf(evidence);
  }
  if (text.source !== undefined) source = text.source;
  if (text.destination !== undefined) destination = text.destination;
  const own = isText ? [] : [ipOf(key)];
  const named = [source.ip, destination?.ip].filter((ip) => ip !== undefined);
  const related = [...new Set([...own, ...named, ...others, ...(text.related ?? [])])];
  return { source, ...(destination ? { destination } : {}), related };
}

/** In place of a source where there are many. */
const MANY = 'many';

/** What became of the attempts, in a word. */
function outcomeDetails({ outcomes }: EpisodeEvidence): Record<string, string | number> {
  if (outcomes === null) return {};
  const { failed, answered, halfOpen, unseen } = outcomes;
  const outcome =
    unseen > failed + answered
      ? 'unseen'
      : failed + halfOpen > answered
        ? halfOpen > failed
          ? 'half_open'
          : 'failed'
        : 'answered';
  return { outcome, failed, answered };
}

/** The target when there is exactly one, and the port of detectors that watch each port by itself. */
function destinationOf(evidence: EpisodeEvidence): { ip?: string; port?: number } | null {
  const only = evidence.targets.distinct === 1 ? evidence.targets.sample[0] : undefined;
  if (only === undefined && evidence.destinationPort === null) return null;
  return {
    ...(only === undefined ? {} : { ip: only }),
    ...(evidence.destinationPort === null ? {} : { port: evidence.destinationPort }),
  };
}

function reasonOf(episode: Episode, action: AlertAction, closeReason: CloseReason | null): string {
  const { threshold, windowMicros, detector } = episode.rule;
  const counted =
    detector.measure === 'count'
      ? (detector.counts ?? 'packets')
      : detector.values === 'none'
        ? 'distinct values'
        : `distinct ${detector.values === 'macs' ? 'MACs' : 'ports'}`;
  const limit = `${threshold} ${counted} in ${windowMicros / 1e6} s`;
  switch (action) {
    case 'open':
      return `reached ${limit}`;
    case 'update':
      return `goes on: ${episode.packets} packets since it reached ${limit}`;
    case 'close':
      return CLOSE_REASONS[closeReason ?? 'quiet'];
  }
}

export const CLOSE_REASONS: Readonly<Record<CloseReason, string>> = {
  quiet: 'below the threshold for a whole window',
  end_of_timeline: 'the replayed capture ended',
  cut_off: 'its packets broke off: the capture node was killed, or the topic packets was made anew',
  superseded: 'its source began again: a capture of the same time was replayed, or its clock had been ahead',
  evicted: 'forgotten to stay within the state budget',
  disabled: 'the detection, or this by an exception, was taken out',
};

function evidenceDocument(
  evidence: EpisodeEvidence,
  details: AlertEvidence['details'],
  values: 'none' | 'ports' | 'macs',
): AlertEvidence {
  const { firstSeen, lastSeen, packets } = evidence;
  const seconds = (lastSeen - firstSeen) / 1e6;
  return {
    first_seen: formatTimestamp(firstSeen),
    last_seen: formatTimestamp(lastSeen),
    packets,
    peak: evidence.peak,
    rate: seconds > 0 ? Math.round((packets / seconds) * 1000) / 1000 : 0,
    ...(values === 'ports' ? { ports: evidence.ports } : {}),
    ...(evidence.targets.distinct > 0
      ? { targets: { distinct: evidence.targets.distinct, sample: [...evidence.targets.sample] } }
      : {}),
    ...(values === 'macs'
      ? {
          macs: evidence.macs.map((claim) => ({
            mac: claim.mac,
            first_seen: formatTimestamp(claim.firstSeen),
            last_seen: formatTimestamp(claim.lastSeen),
          })),
        }
      : {}),
    ...(details && Object.keys(details).length > 0 ? { details } : {}),
  };
}
