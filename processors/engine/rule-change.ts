/** Other rules in force: windows that still serve are kept under their new numbers, episodes without a rule close. */
import type { DetectionRules } from '../contract/rule.js';
import type { CompiledRule } from './compiled-rule.js';
import type { EngineState } from './engine-state.js';
import type { Episode } from './episode.js';
import { NONE } from './key-table.js';

export function changeRules(state: EngineState, rules: DetectionRules): void {
  const before = state.rules;
  unfoldAll(state);
  state.compile(rules);
  const kept = before.map((old) => state.rules.findIndex((rule) => rule.sharesWindows(old)));
  const successorOf = (episode: Episode): CompiledRule | undefined =>
    state.rules[kept[state.windows.key[episode.window]! >>> 16]!];
  state.episodes.closeAll(
    (episode) => {
      const successor = successorOf(episode);
      return successor === undefined || successor.rule.exceptions?.coversSource(episode.key.source) === true;
    },
    () => 'disabled',
  );
  for (const old of before)
    state.rules.find((rule) => rule.id === old.id && rule.isCompanion === old.isCompanion)?.takeCounters(old);
  for (const episode of state.episodes.all()) {
    const successor = successorOf(episode)!;
    if (episode.severity === episode.rule.severity) episode.severity = successor.rule.severity;
    episode.compiled = successor;
  }
  for (let slot = 0; slot < state.keys.slots; slot++) {
    if (state.keys.kind[slot] !== 0) renumberWindows(state, slot, kept, before);
  }
}

/** Their first packets are kept by numbers of the rules of before. */
function unfoldAll(state: EngineState): void {
  for (let slot = 0; slot < state.keys.slots; slot++) {
    if (state.keys.kind[slot] === 0 || state.keys.first[slot] === NONE) continue;
    state.current = slot;
    state.firsts.unfold(slot);
  }
  state.current = NONE;
}

/** Gives a source's windows the numbers of the new rules and drops those that have none. */
function renumberWindows(
  state: EngineState,
  slot: number,
  kept: readonly number[],
  before: readonly CompiledRule[],
): void {
  let window = state.keys.windows[slot]!;
  state.keys.windows[slot] = NONE;
  while (window !== NONE) {
    const next = state.windows.next[window]!;
    const key = state.windows.key[window]!;
    const index = kept[key >>> 16]!;
    if (index < 0) {
      state.dropWindow(window, before);
    } else {
      state.windows.key[window] = ((index << 16) | (key & 0xffff)) >>> 0;
      state.windows.next[window] = state.keys.windows[slot]!;
      state.keys.windows[slot] = window;
    }
    window = next;
  }
}
