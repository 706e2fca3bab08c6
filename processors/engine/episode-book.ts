/** The open episodes of an engine, and what has come of them since it was last taken: alerts and changelog. */
import type { AlertAction, AlertDocument } from '../../schemas/alerts/alert.js';
import type { AlertExceptions, Excepted } from '../contract/alert-exceptions.js';
import { alertDocument, type CloseReason } from './alert-document.js';
import { episodeEntryKey } from './changelog.js';
import type { ChangelogEntry } from './changelog-entry.js';
import type { Episode, EpisodeKey } from './episode.js';
import type { WindowStore } from './window-store.js';

/** What an episode is reckoned at until it is measured, at the next take. */
const NEW_EPISODE_BYTES = 2000;

export class EpisodeBook {
  /** Memory of the episodes, roughly. */
  bytes = 0;
  private readonly byWindow = new Map<number, Episode>();
  private readonly dirty = new Set<Episode>();
  private exceptions: AlertExceptions | null = null;
  private alerts: AlertDocument[] = [];
  private changelog = new Map<string, string | null>();

  constructor(
    private readonly windows: WindowStore,
    private readonly beforeClose: (episode: Episode) => void,
  ) {}

  get size(): number {
    return this.byWindow.size;
  }

  /** The open episode of a window whose `open` mark is set. */
  of(window: number): Episode {
    return this.byWindow.get(window)!;
  }

  all(): IterableIterator<Episode> {
    return this.byWindow.values();
  }

  /** Takes up an episode without an event: a new one before it is emitted, or one of a snapshot. */
  add(episode: Episode): void {
    this.windows.open[episode.window] = 1;
    this.byWindow.set(episode.window, episode);
    this.bytes += NEW_EPISODE_BYTES;
    episode.compiled.open++;
  }

  markDirty(episode: Episode): void {
    if (episode.dirty) return;
    episode.dirty = true;
    this.dirty.add(episode);
  }

  /** Puts other exceptions in force: what they leave out and is published closes, what they no longer leave out is looked at again. */
  setExceptions(exceptions: AlertExceptions): void {
    this.exceptions = exceptions.isEmpty ? null : exceptions;
    const due: Episode[] = [];
    for (const episode of this.byWindow.values()) {
      const { excepted } = episode;
      if (excepted !== null) {
        if (!exceptions.has(excepted.id)) episode.excepted = { id: excepted.id, until: Number.NEGATIVE_INFINITY };
      } else if (episode.sequence > 0 && this.findException(episode, episode.lastSeen) !== null) due.push(episode);
    }
    this.closeEach(due, () => 'disabled');
  }

  /**
   * Publishes an event, unless an exception leaves it out: then nothing of its episode is published while that holds.
   *
   * @param time of the packet that made the event, µs
   */
  emit(episode: Episode, action: AlertAction, time: number, reason: CloseReason | null): void {
    if (this.exceptions !== null && action !== 'close') {
      const excepted = this.findException(episode, time);
      if (excepted !== null) {
        // of a published one, after a restart: exceptions that come while it is open close it at once
        if (episode.sequence > 0) this.close(episode, 'disabled');
        else this.except(episode, excepted);
        return;
      }
    }
    if (episode.excepted !== null) {
      if (action === 'close') return;
      episode.excepted = null;
    }
    const isFirst = episode.sequence++ === 0;
    const said = isFirst && action === 'update' ? 'open' : action;
    episode.nextUpdate = episode.packets * 2;
    this.markDirty(episode);
    this.alerts.push(alertDocument(episode, said, time, reason));
    if (said === 'open') episode.compiled.opened++;
    if (said === 'update') episode.compiled.updated++;
  }

  /** A counted row of an episode that is not published: exceptions end. */
  publishAgain(episode: Episode, time: number): void {
    if (time >= episode.excepted!.until) this.emit(episode, 'open', time, null);
  }

  private except(episode: Episode, excepted: Excepted): void {
    if (episode.excepted === null) episode.compiled.exceptedAlerts++;
    episode.excepted = excepted;
    this.markDirty(episode);
  }

  private findException(episode: Episode, time: number): Excepted | null {
    return this.exceptions?.find(alertDocument(episode, 'open', time, null), time) ?? null;
  }

  close(episode: Episode, reason: CloseReason): void {
    this.beforeClose(episode);
    this.emit(episode, 'close', reason === 'quiet' ? episode.quietAt : episode.lastSeen, reason);
    this.dirty.delete(episode);
    this.log(episodeEntryKey(episode.key), null);
    this.byWindow.delete(episode.window);
    this.windows.open[episode.window] = 0;
    this.bytes -= NEW_EPISODE_BYTES;
    episode.compiled.closed++;
    episode.compiled.open--;
  }

  /** Closes the episodes chosen, in an order that does not depend on how they are kept. */
  closeAll(chosen: (episode: Episode) => boolean, reason: (episode: Episode) => CloseReason): void {
    if (this.byWindow.size === 0) return;
    this.closeEach([...this.byWindow.values()].filter(chosen), reason);
  }

  /** Closes the episodes of the list, in the same order. */
  closeEach(due: Episode[], reason: (episode: Episode) => CloseReason): void {
    due.sort((a, b) => a.quietAt - b.quietAt || compareKeys(a.key, b.key));
    for (const episode of due) this.close(episode, reason(episode));
  }

  /** Puts an entry into the changelog. */
  log(key: string, value: string | null): void {
    this.changelog.set(key, value);
  }

  takeAlerts(): AlertDocument[] {
    const taken = this.alerts;
    this.alerts = [];
    return taken;
  }

  /** What has changed, with the snapshots of the episodes that did. */
  takeChangelog(clockOf: (window: number) => number, nodeName: (node: number) => string): ChangelogEntry[] {
    for (const episode of this.dirty) {
      this.log(episodeEntryKey(episode.key), JSON.stringify(episode.snapshot(clockOf(episode.window), nodeName)));
    }
    const taken = [...this.changelog].map(([key, value]): ChangelogEntry => ({ key, value }));
    this.forgetChangelog();
    return taken;
  }

  /** As `takeChangelog`, without making its entries. */
  forgetChangelog(): void {
    for (const episode of this.dirty) episode.dirty = false;
    this.dirty.clear();
    if (this.changelog.size > 0) this.changelog = new Map();
    this.bytes = 0;
    for (const episode of this.byWindow.values()) this.bytes += episode.bytes;
  }
}

function compareKeys(a: EpisodeKey, b: EpisodeKey): number {
  if (a.detector !== b.detector) return a.detector < b.detector ? -1 : 1;
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  return a.site === b.site ? a.part - b.part : a.site < b.site ? -1 : 1;
}
