/** State that outlives the engine: windows and episodes as entries of the changelog, and taking them up again. */
import { windowEntryKey } from './changelog.js';
import type { ChangelogReading, DurableWindow, EpisodeSnapshot } from './changelog-reader.js';
import type { EngineState } from './engine-state.js';
import { Episode } from './episode.js';
import { NONE } from './key-table.js';
import { holdTarget, targetText } from './sighting-target.js';

export class Recovery {
  constructor(private readonly state: EngineState) {}

  restore(entries: Iterable<ChangelogReading>): { key: string; reason: string }[] {
    const refused: { key: string; reason: string }[] = [];
    for (const { key, entry } of entries) {
      const reason = typeof entry === 'string' ? entry : this.restoreEntry(entry);
      if (reason === null) continue;
      refused.push({ key, reason });
      this.state.episodes.log(key, null);
    }
    return refused;
  }

  finish(): void {
    if (this.state.restored.size === 0) return;
    for (const [slot, { clock, run }] of this.state.restored) {
      if (clock > this.state.keys.clock[slot]!) this.state.keys.clock[slot] = clock;
      if (this.state.keys.run[slot] !== 0) continue;
      this.state.keys.run[slot] = run;
      this.state.keys.founder[slot] = run;
    }
    this.state.restored.clear();
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
      this.state.keys.clock[slot] = 0;
      this.state.keys.run[slot] = 0;
      this.state.keys.founder[slot] = 0;
    }
  }

  /** Puts the windows that changed among what goes to the changelog. */
  logWindows(): void {
    const { dirtyWindows, episodes } = this.state;
    for (const window of dirtyWindows) {
      const durable = this.durableWindow(window);
      episodes.log(windowEntryKey(durable), JSON.stringify(durable));
    }
    dirtyWindows.clear();
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
  private restoreEntry(entry: EpisodeSnapshot | DurableWindow): string | null {
    const index = this.state.rules.findIndex(
      (rule) => rule.id === entry.detector && rule.rule.detector.version === entry.version,
    );
    if (index < 0) return `the rules have no detector ${entry.detector} of version ${entry.version}`;
    if (!this.state.words.parse(entry.source)) return `its source ${JSON.stringify(entry.source)} is no address`;
    const rule = this.state.rules[index]!;
    const timeline = this.state.timelineOf(entry.run ?? entry.timeline);
    const slot = this.state.slotOf(timeline, 0);
    this.state.keys.run[slot] = 0;
    this.state.keys.founder[slot] = 0;
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
