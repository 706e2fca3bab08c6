/**
 * How severe an episode is where that depends on what became of its attempts: an episode that crosses its threshold is held
 * until its attempts are settled, at most for `outcomeWait`, and said to be more severe when more of them turn out to have failed.
 */
import type { Severity } from '../../schemas/alerts/alert.js';
import type { WindowOutcomes } from '../contract/evidence.js';
import type { EngineState } from './engine-state.js';
import type { Episode } from './episode.js';
import type { Timeline } from './timelines.js';
import { outcomesOf } from './window-outcomes.js';

export class Verdicts {
  private readonly held = new Set<Episode>();

  constructor(private readonly state: EngineState) {
    state.onClose = (episode) => {
      if (this.held.has(episode)) this.release(episode, episode.crossed);
    };
  }

  /** Whether an episode of this window has to wait for outcomes. */
  waits(window: number): boolean {
    const { state } = this;
    const rule = state.rules[state.windows.key[window]! >>> 16]!;
    return rule.judges && state.keys.outcomes[state.windows.slot[window]!] === 1;
  }

  /** Holds an episode that has opened. */
  hold(episode: Episode): void {
    this.held.add(episode);
    const slot = this.state.windows.slot[episode.window]!;
    const due = this.dueOfEpisode(episode);
    if (due < this.state.keys.due[slot]!) this.state.keys.due[slot] = due;
    this.review(episode.window, episode.crossed, episode.crossed);
  }

  /** Takes up an episode that was held when its state was logged. */
  adopt(episode: Episode): void {
    this.held.add(episode);
  }

  /** Looks at an open episode again: the attempt of `attemptTime` is settled. What came after the last full window is none of its. */
  review(window: number, attemptTime: number, time: number): void {
    if (!this.waits(window)) return;
    const episode = this.state.episodes.of(window);
    if (attemptTime > episode.lastFull) return;
    const severity = this.severityOf(episode);
    const isHeld = this.held.has(episode);
    if (isHeld) {
      if (severity >= episode.rule.severity) this.release(episode, episode.crossed);
      return;
    }
    if (severity <= episode.severity) return;
    episode.severity = severity;
    this.state.episodes.emit(episode, 'update', time, null);
  }

  /** Releases what of a key has waited long enough. */
  releaseOf(slot: number, time: number): void {
    if (this.held.size === 0 || this.state.rebuilding) return;
    this.releaseWhere((episode) => this.slotOf(episode) === slot && this.dueOfEpisode(episode) < time);
  }

  /** Releases what of a timeline has waited long enough by its clocks. */
  releaseDue(timeline: Timeline, slackMicros: number): void {
    if (this.held.size === 0 || this.state.rebuilding) return;
    this.releaseWhere(
      (episode) =>
        episode.run === timeline.name && this.dueOfEpisode(episode) + slackMicros < timeline.clockOf(episode.lastNode),
    );
  }

  releaseAll(timeline: Timeline): void {
    if (this.held.size === 0 || this.state.rebuilding) return;
    this.releaseWhere((episode) => episode.run === timeline.name);
  }

  /** When a held episode of the key is due; ∞ when there is none. */
  dueOf(slot: number): number {
    let due = Number.POSITIVE_INFINITY;
    for (const episode of this.held) {
      if (this.slotOf(episode) === slot) due = Math.min(due, this.dueOfEpisode(episode));
    }
    return due;
  }

  isHeld(episode: Episode): boolean {
    return this.held.has(episode);
  }

  private releaseWhere(chosen: (episode: Episode) => boolean): void {
    const due = [...this.held].filter(chosen);
    due.sort((a, b) => a.crossed - b.crossed || (a.key.source < b.key.source ? -1 : 1));
    for (const episode of due) this.release(episode, episode.crossed);
  }

  private release(episode: Episode, time: number): void {
    this.held.delete(episode);
    episode.severity = this.severityOf(episode);
    this.state.episodes.emit(episode, 'open', time, null);
  }

  private severityOf(episode: Episode): Severity {
    const { compiled } = episode;
    episode.outcomes = this.outcomesOf(episode);
    this.state.episodes.markDirty(episode);
    return compiled.rule.detector.judge!(episode.outcomes, compiled.settings);
  }

  private outcomesOf({ compiled, window, lastFull }: Episode): WindowOutcomes {
    return outcomesOf(this.state.windows, window, compiled.shape, lastFull);
  }

  private slotOf(episode: Episode): number {
    return this.state.windows.slot[episode.window]!;
  }

  private dueOfEpisode(episode: Episode): number {
    return episode.crossed + this.state.limits.outcomeWaitMicros;
  }
}
