/** State that outlives the engine: windows and episodes as entries of the changelog, and taking them up again. */
import { FAILURE_SHOWN } from './attempts.js';
import { stateEntryKey, windowEntryKey } from './changelog.js';
import type { ChangelogReading, DurableState, DurableWindow, EpisodeSnapshot } from './changelog-reader.js';
import type { EngineState } from './engine-state.js';
import { Episode, TEXT_MARK } from './episode.js';
import { NONE } from './key-table.js';
import { holdTarget, targetText } from './sighting-target.js';
import type { Verdicts } from './verdicts.js';

export class Recovery {
  /** Episodes of watchers that were taken up. */
  private readonly unlinked: Episode[] = [];

  constructor(
    private readonly state: EngineState,
    private readonly verdicts: Verdicts,
  ) {}

  restore(entries: Iterable<ChangelogReading>): { key: string; reason: string }[] {
    const refused: { key: string; reason: string }[] = [];
    const { incidents, episodes } = this.state;
    for (const { key, entry } of entries) {
      if (typeof entry !== 'string' && entry.kind === 'incident') {
        incidents.restore(entry);
        continue;
      }
      const reason = typeof entry === 'string' ? entry : this.restoreEntry(entry);
      if (reason === null) continue;
      refused.push({ key, reason });
      episodes.log(key, null);
    }
    for (const episode of episodes.all()) incidents.adopt(episode);
    return refused;
  }

  finish(): void {
    this.linkStates();
    if (this.state.restored.size === 0) return;
    for (const [slot, { clock, run }] of this.state.restored) {
      if (clock > this.state.keys.clock[slot]!) this.state.keys.clock[slot] = clock;
      if (this.state.keys.run[slot] !== 0) continue;
      this.state.keys.run[slot] = run;
      this.state.keys.founder[slot] = run;
    }
    this.state.restored.clear();
  }

  /** Episodes of watchers see the states that were taken up or rebuilt. */
  private linkStates(): void {
    for (const episode of this.unlinked) {
      const { window, compiled } = episode;
      // Without its input, which is gone, the state of one that was counting would be a new one, and know nothing.
      const rebuilt = this.state.watched.find(window);
      episode.state = rebuilt?.state ?? (episode.hasWords ? null : this.state.watched.of(window, compiled).state);
    }
    this.unlinked.length = 0;
  }

  rebuildEnd(timelineName: string): void {
    const timeline = this.state.timelines.find(timelineName);
    if (timeline === undefined) return;
    for (let slot = 0; slot < this.state.keys.slots; slot++) {
      if (this.state.keys.kind[slot] === 0 || this.state.keys.run[slot] !== timeline.serial) continue;
      if (!this.state.restored.has(slot)) {
        this.state.forget(slot);
        continue;
      }
      this.state.emptyReplayedWindows(slot);
      this.state.runs.forget(slot);
      this.state.attempts.forget(slot);
      this.state.keys.failure[slot] = FAILURE_SHOWN;
      this.state.keys.clock[slot] = 0;
      this.state.keys.run[slot] = 0;
      this.state.keys.founder[slot] = 0;
    }
  }

  /** Puts the windows that changed among what goes to the changelog. */
  logWindows(): void {
    const { dirtyWindows, episodes } = this.state;
    for (const window of dirtyWindows) {
      if (this.state.rules[this.state.windows.key[window]! >>> 16]!.watcher !== null) {
        this.logState(window);
        continue;
      }
      const durable = this.durableWindow(window);
      episodes.log(windowEntryKey(this.state.windowKey(window)), JSON.stringify(durable));
    }
    dirtyWindows.clear();
  }

  private logState(window: number): void {
    const watched = this.state.watched.find(window);
    if (watched === undefined) return;
    const durable = this.durableState(window);
    if (durable !== null) this.state.episodes.log(stateEntryKey(durable), JSON.stringify(durable));
    else if (watched.logged) this.state.episodes.log(stateEntryKey(this.state.windowKey(window)), null);
    watched.logged = durable !== null;
  }

  /** The state of a durable watcher; null when it is not worth an entry. */
  private durableState(window: number): DurableState | null {
    const { state } = this;
    const rule = state.rules[state.windows.key[window]! >>> 16]!;
    const watched = state.watched.find(window);
    const value = watched === undefined ? undefined : rule.watcher!.save?.(watched.state);
    if (watched === undefined || value === undefined) return null;
    const { version } = rule.rule.detector;
    const clock = state.keys.clock[state.windows.slot[window]!]!;
    const run = state.lastTimeline(window)?.name ?? '';
    const { first, last, recent } = watched;
    return { kind: 'state', ...state.windowKey(window), version, clock, run, first, last, recent, value };
  }

  private durableWindow(window: number): DurableWindow {
    const { version } = this.state.rules[this.state.windows.key[window]! >>> 16]!.rule.detector;
    const clock = this.state.keys.clock[this.state.windows.slot[window]!]!;
    const sightings: DurableWindow['sightings'] = [];
    this.state.windows.forEach(
      window,
      Number.NEGATIVE_INFINITY,
      false,
      (time, value, target, targetKind, node, count) => {
        sightings.push([
          time,
          value,
          count,
          targetText(this.state.addresses, targetKind, target),
          this.state.nodeNames[node]!,
        ]);
      },
    );
    const run = this.state.lastTimeline(window)!.name;
    return { kind: 'window', ...this.state.windowKey(window), version, clock, run, sightings };
  }

  /** The reason when the entry cannot be taken up, else null. */
  private restoreEntry(entry: EpisodeSnapshot | DurableWindow | DurableState): string | null {
    const index = this.state.rules.findIndex(
      (rule) => rule.id === entry.detector && rule.rule.detector.version === entry.version,
    );
    if (index < 0) return `the rules have no detector ${entry.detector} of version ${entry.version}`;
    const rule = this.state.rules[index]!;
    const isText = entry.source.startsWith(TEXT_MARK);
    if (isText) this.state.words.setText(entry.source.slice(TEXT_MARK.length));
    else if (!this.state.words.parse(entry.source)) return `its source ${JSON.stringify(entry.source)} is no address`;
    else if (rule.rule.detector.keyedBy === 'target') this.state.words.asTarget();
    const timeline = this.state.timelineOf(entry.run ?? entry.timeline);
    const slot = this.state.slotOf(timeline, entry.site ?? '', 0);
    if (isText) this.state.keyTexts.set(slot, entry.source.slice(TEXT_MARK.length));
    this.state.keys.run[slot] = 0;
    this.state.keys.founder[slot] = 0;
    // what watchers have seen of it is in the changelog: nothing is to be kept from them
    this.state.keys.failure[slot] = FAILURE_SHOWN;
    const before = this.state.restored.get(slot);
    if (before === undefined || entry.clock > before.clock) {
      this.state.restored.set(slot, { clock: entry.clock, run: timeline.serial });
    }
    this.state.current = slot;
    const window = this.state.windowOf(slot, ((index << 16) | entry.part) >>> 0);
    if (entry.kind === 'episode') {
      const episode = Episode.restored(entry, rule, window, (name) => this.state.nodeIndex(name));
      if (timeline.captureNode === NONE) timeline.captureNode = episode.lastNode;
      this.state.episodes.add(episode);
      if (rule.watcher !== null) this.unlinked.push(episode);
      if (episode.sequence === 0 && episode.excepted === null) this.verdicts.adopt(episode);
    } else if (entry.kind === 'state') {
      if (rule.watcher?.load === undefined) return `${entry.detector} keeps no state`;
      const watched = this.state.watched.of(window, rule);
      watched.state = rule.watcher.load(entry.value);
      watched.first = entry.first;
      watched.last = entry.last;
      watched.recent.push(...entry.recent);
      watched.logged = true;
      this.state.watched.weigh(watched, rule);
    } else {
      for (const [time, value, count, text, node] of entry.sightings) {
        const { target, kind } = holdTarget(this.state.addresses, text);
        this.state.windows.add(window, rule.shape, time, value, target, kind, this.state.nodeIndex(node), count);
      }
    }
    this.state.current = NONE;
    return null;
  }
}
