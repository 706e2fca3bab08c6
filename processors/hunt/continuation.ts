/**
 * What of a hunt's alerts is news. A hunt looks through a window that moves, so it finds the same episode again and again, its beginning
 * cut off one day: what overlaps an episode that was told of is that episode, and goes on under its id. Pure.
 */
import { createHash } from 'node:crypto';
import { type AlertDocument, formatTimestamp } from '../../schemas/alerts/alert.js';
import type { AlertExceptions } from '../contract/alert-exceptions.js';
import { CLOSE_REASONS } from '../engine/alert-document.js';

/** An episode that was told of, as the table hunt_episodes has it. */
export interface ToldEpisode {
  readonly id: string;
  readonly identity: string;
  readonly timeline: string;
  /** Its latest event as published; what was found since, without an event, is in `firstSeen` and `lastSeen`. */
  readonly document: AlertDocument;
  /** µs. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly open: boolean;
}

export interface News {
  /** To be published, in this order. */
  readonly events: readonly AlertDocument[];
  /** As they stand then: new ones, and those that have changed. */
  readonly episodes: readonly ToldEpisode[];
}

/** µs of a time as alerts write it. */
export const microsOf = (timestamp: string): number =>
  Math.floor(Date.parse(timestamp) / 1000) * 1e6 + Number(timestamp.slice(20, 26));

/** Whose episode it is, whatever its beginning. */
export function identityOf({ rule, source, destination, nta }: AlertDocument): string {
  return JSON.stringify([rule.id, nta.site ?? '', source.address, destination?.ip ?? '', destination?.port ?? '']);
}

export class Continuation {
  private readonly byIdentity = new Map<string, ToldEpisode[]>();
  private readonly changed = new Map<string, ToldEpisode>();
  private readonly met = new Set<string>();
  private readonly events: AlertDocument[] = [];

  constructor(private readonly told: readonly ToldEpisode[]) {
    for (const episode of told) this.note(episode);
  }

  /** Takes the events of an engine: those of an episode in their order. */
  take(documents: readonly AlertDocument[], timeline: string): void {
    const episodes = new Map<string, AlertDocument[]>();
    for (const document of documents) {
      const { id } = document.nta.alert;
      const own = episodes.get(id);
      if (own === undefined) episodes.set(id, [document]);
      else own.push(document);
    }
    for (const events of episodes.values()) this.takeEpisode(events, timeline);
  }

  /** What is open and excepted by now is over, as it is for workers. */
  closeExcepted(exceptions: AlertExceptions): void {
    for (const episode of this.told) {
      if (!episode.open || exceptions.find(episode.document, episode.lastSeen) === null) continue;
      this.publish(episode, closed(episode.document, episode.lastSeen, 'disabled'), episode.timeline);
      this.met.add(episode.id);
    }
  }

  /**
   * What is open and was not found any more is over, once a whole window behind it has been looked through.
   *
   * @param end µs
   */
  closeQuiet(timeline: string, site: string, end: number): void {
    for (const episode of this.told) {
      const { document, lastSeen } = episode;
      const window = document.nta.alert.window_seconds * 1e6;
      if (!episode.open || this.met.has(episode.id) || episode.timeline !== timeline) continue;
      if ((document.nta.site ?? '') !== site || lastSeen + window >= end) continue;
      this.publish(episode, closed(document, lastSeen + window, 'quiet'), timeline);
    }
  }

  get news(): News {
    return { events: this.events, episodes: [...this.changed.values()] };
  }

  private takeEpisode(events: readonly AlertDocument[], timeline: string): void {
    const last = events.at(-1)!;
    const known = this.find(last);
    if (known === undefined) {
      // How it went on meanwhile is told by its last event.
      this.events.push(...(events.length > 1 ? [events[0]!, last] : events));
      const episode = toldOf(last, timeline);
      this.note(episode);
      this.changed.set(episode.id, episode);
      this.met.add(last.nta.alert.id);
      return;
    }
    this.met.add(known.id);
    const { evidence } = last.nta.alert;
    const lastSeen = microsOf(evidence.last_seen);
    const before = known.document;
    const isMore = lastSeen > known.lastSeen && evidence.packets >= 2 * before.nta.alert.evidence.packets && known.open;
    // An exception had ended it, and is no more.
    const isAgain = before.nta.alert.close_reason === 'disabled' && last.event.action !== 'close';
    if (last.event.action === 'close' && known.open) this.publish(known, last, timeline);
    else if (isAgain || last.event.severity > before.event.severity || isMore)
      this.publish(known, { ...last, event: { ...last.event, action: 'update' } }, timeline);
    else if (lastSeen > known.lastSeen) this.change({ ...known, lastSeen });
  }

  /** Publishes what a later hunt found as the next event of a known episode. */
  private publish(known: ToldEpisode, found: AlertDocument, timeline: string): void {
    const { alert } = known.document.nta;
    const sequence = alert.sequence + 1;
    const firstSeen = Math.min(known.firstSeen, microsOf(found.nta.alert.evidence.first_seen));
    const lastSeen = Math.max(known.lastSeen, microsOf(found.nta.alert.evidence.last_seen));
    const { action } = found.event;
    const id = createHash('sha256')
      .update(JSON.stringify([known.id, sequence, action, firstSeen, lastSeen]))
      .digest('hex')
      .slice(0, 32);
    const evidence = {
      ...found.nta.alert.evidence,
      first_seen: formatTimestamp(firstSeen),
      last_seen: formatTimestamp(lastSeen),
    };
    const incident = known.document.nta.incident ?? found.nta.incident;
    const document: AlertDocument = {
      ...found,
      event: { ...found.event, id, start: evidence.first_seen, end: evidence.last_seen },
      nta: {
        ...found.nta,
        ...(incident === undefined ? {} : { incident }),
        alert: { ...found.nta.alert, id: known.id, sequence, crossed: alert.crossed, evidence },
      },
    };
    this.events.push(document);
    this.change(toldOf(document, timeline));
  }

  /** The episode that was told of under this id, or that this one overlaps. */
  private find(found: AlertDocument): ToldEpisode | undefined {
    const { id, evidence, window_seconds: seconds } = found.nta.alert;
    const firstSeen = microsOf(evidence.first_seen);
    const lastSeen = microsOf(evidence.last_seen);
    const candidates = this.byIdentity.get(identityOf(found)) ?? [];
    return (
      candidates.find((episode) => episode.id === id) ??
      candidates.find(
        (episode) =>
          firstSeen <= episode.lastSeen + (episode.open ? seconds * 1e6 : 0) && lastSeen >= episode.firstSeen,
      )
    );
  }

  private note(episode: ToldEpisode): void {
    const own = this.byIdentity.get(episode.identity);
    if (own === undefined) this.byIdentity.set(episode.identity, [episode]);
    else own.push(episode);
  }

  private change(episode: ToldEpisode): void {
    const own = this.byIdentity.get(episode.identity)!;
    const at = own.findIndex(({ id }) => id === episode.id);
    if (at >= 0) own[at] = episode;
    else own.push(episode);
    this.changed.set(episode.id, episode);
  }
}

/** The event that ends an episode. @param time µs */
function closed(document: AlertDocument, time: number, reason: 'quiet' | 'disabled'): AlertDocument {
  return {
    ...document,
    '@timestamp': formatTimestamp(time),
    event: { ...document.event, action: 'close', reason: CLOSE_REASONS[reason] },
    nta: { ...document.nta, alert: { ...document.nta.alert, status: 'closed', close_reason: reason } },
  };
}

function toldOf(document: AlertDocument, timeline: string): ToldEpisode {
  const { id, evidence, status } = document.nta.alert;
  return {
    id,
    identity: identityOf(document),
    timeline,
    document,
    firstSeen: microsOf(evidence.first_seen),
    lastSeen: microsOf(evidence.last_seen),
    open: status === 'open',
  };
}
