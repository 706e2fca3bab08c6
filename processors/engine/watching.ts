/** Rows given to watchers (contract/watcher.ts): their keys are opened, their states kept, what they measure becomes episodes. */
import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { linkObservation } from '../../schemas/observations/link-observation.js';
import type { Observation } from '../../schemas/observations/observation.js';
import { linkName } from '../../schemas/observations/party.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AttemptOutcome, Watch } from '../contract/watch.js';
import { FAILURE_FIRST, FAILURE_SHOWN, NO_ATTEMPT } from './attempts.js';
import type { CompiledRule } from './compiled-rule.js';
import type { EngineState } from './engine-state.js';
import { Episode } from './episode.js';
import { NONE } from './key-table.js';
import {
  AttemptRow,
  ConversationEnds,
  NO_ENDS,
  ObservationEnds,
  PacketEnds,
  ReceivedEnds,
  type RowEnds,
} from './row-ends.js';
import { textKey } from './sighting-target.js';
import type { Timeline } from './timelines.js';
import { noteRecent, type Watched } from './watched.js';

/** Where a row was captured. */
export interface RowPlace {
  readonly timeline: Timeline;
  readonly site: string;
  readonly node: number;
}

export class Watching implements Watch<unknown> {
  time = 0;
  site = '';
  link = '';
  /** Whether the input says what was observed; else packets are asked what they say of their link. */
  isObserved = false;
  private rule!: CompiledRule;
  private ruleIndex = 0;
  private timeline!: Timeline;
  private node = 0;
  /** The addresses of the row at hand. */
  private ends: RowEnds = NO_ENDS;
  private readonly packetEnds: PacketEnds;
  private readonly attemptRow: AttemptRow;
  private readonly conversationEnds: ConversationEnds;
  private readonly receivedEnds: ReceivedEnds;
  private readonly observationEnds: ObservationEnds;
  private attemptPlace: RowPlace | null = null;
  private opened: Watched | null = null;
  private window = NONE;

  constructor(private readonly state: EngineState) {
    const { words } = state;
    this.packetEnds = new PacketEnds(words);
    this.attemptRow = new AttemptRow(state);
    this.conversationEnds = new ConversationEnds(words);
    this.receivedEnds = new ReceivedEnds(words);
    this.observationEnds = new ObservationEnds(words);
  }

  packet(block: PacketBlock, row: number, rule: CompiledRule, index: number, time: number, place: RowPlace): void {
    const isOfObservations = rule.rule.detector.observations !== undefined;
    if (isOfObservations && this.isObserved) return;
    this.begin(rule, index, time, place);
    this.packetEnds.at(block, row);
    this.ends = this.packetEnds;
    if (rule.rule.exceptions?.matches(block, row)) {
      if (!this.state.rebuilding) rule.exceptedPackets++;
      return;
    }
    if (isOfObservations) {
      this.linkObservation(block, row, rule);
      return;
    }
    try {
      rule.watcher!.packet?.(block, row, this);
    } catch (error) {
      this.noteFailure(error);
    }
    this.finish();
  }

  /** What the packet says of its link, for rules that ask for that. */
  private linkObservation(block: PacketBlock, row: number, rule: CompiledRule): void {
    const observation = linkObservation(block, row);
    if (observation === null || !rule.rule.detector.observations!.includes(observation.kind)) return;
    this.link = linkName(observation.vlan, block.origins[observation.origin]!.interface);
    this.observe(rule, observation);
    this.link = '';
  }

  /**
   * An attempt, an entry of `attempts`, that is settled. The first that fails is kept back until the source's next is settled: the
   * one packet of a forged source makes no state of any watcher, and no watcher says anything of one failure.
   */
  attempt(entry: number, outcome: AttemptOutcome): void {
    const { state } = this;
    if (state.attemptRules.length === 0) return;
    const { attempts, keys } = state;
    const slot = attempts.slot[entry]!;
    const kept = keys.failure[slot]!;
    if (kept === NO_ATTEMPT) {
      const isRefused = outcome === 'refused';
      if (isRefused || outcome === 'unanswered') {
        this.keepFailure(slot, entry, isRefused);
        return;
      }
    } else if (kept !== FAILURE_SHOWN) {
      if (kept === FAILURE_FIRST) state.firsts.unfold(slot);
      attempts.showFailure(slot, (failure, failed) => this.showAttempt(failure, failed));
    }
    this.showAttempt(entry, outcome);
  }

  private keepFailure(slot: number, entry: number, isRefused: boolean): void {
    const { attempts, keys, firsts } = this.state;
    const isFirst = keys.first[slot] !== NONE && firsts.keepFailure(slot, entry, isRefused);
    if (isFirst) keys.failure[slot] = FAILURE_FIRST;
    else attempts.keepFailure(entry, isRefused);
  }

  private showAttempt(entry: number, outcome: AttemptOutcome): void {
    const { attemptRow: attempt } = this;
    attempt.at(entry, outcome);
    const place = this.placeOf(entry);
    for (const { rule, index } of this.state.attemptRules) {
      this.begin(rule, index, attempt.time, place);
      this.ends = attempt;
      if (rule.rule.exceptions !== null && this.isExcepted(attempt.source, attempt.target, attempt.port)) continue;
      try {
        rule.watcher!.attempt?.(attempt, this);
      } catch (error) {
        this.noteFailure(error);
      }
      this.finish();
    }
  }

  /** @param slot of its originator */
  conversation(block: ConversationBlock, row: number, place: RowPlace, slot: number): void {
    const ends = this.conversationEnds;
    ends.at(block, row, slot);
    for (const { rule, index } of this.state.conversationRules) {
      this.begin(rule, index, block.time[row]!, place);
      this.ends = ends;
      if (rule.rule.exceptions !== null) {
        const [source, target] = ends.texts();
        if (this.isExcepted(source, target, block.responderPort[row]!)) continue;
      }
      try {
        rule.watcher!.conversation?.(block, row, this);
      } catch (error) {
        this.noteFailure(error);
      }
      this.finish();
    }
  }

  received(block: ReceivedBlock, row: number, place: RowPlace): void {
    const ends = this.receivedEnds;
    ends.at(block, row);
    for (const { rule, index } of this.state.receivedRules) {
      this.begin(rule, index, block.last[row]!, place);
      this.ends = ends;
      if (rule.rule.exceptions !== null && this.isExcepted('', ends.texts()[1], block.port[row]!)) continue;
      try {
        rule.watcher!.received?.(block, row, this);
      } catch (error) {
        this.noteFailure(error);
      }
      this.finish();
    }
  }

  observation(observation: Observation, place: RowPlace, link: string): void {
    const rules = this.state.observationRules.get(observation.kind);
    if (rules === undefined) return;
    const ends = this.observationEnds;
    this.link = link;
    ends.observation = observation;
    for (const { rule, index } of rules) {
      this.begin(rule, index, observation.time, place);
      this.ends = ends;
      if (rule.rule.exceptions !== null && this.isExcepted(observation.source, observation.destination, -1)) continue;
      this.observe(rule, observation);
    }
    this.link = '';
  }

  private observe(rule: CompiledRule, observation: Observation): void {
    try {
      rule.watcher!.observation?.(observation, this);
    } catch (error) {
      this.noteFailure(error);
    }
    this.finish();
  }

  source(): unknown {
    const { slot } = this.ends;
    if (slot !== NONE) {
      this.state.keys.touch(slot);
      return this.openSlot(slot, '');
    }
    return this.open(this.ends.setSource(), '');
  }

  knownSource(): unknown {
    const { state } = this;
    let { slot } = this.ends;
    if (slot === NONE) {
      if (!this.ends.setSource()) return null;
      slot = state.findSlot(this.timeline, this.site);
      if (slot === NONE) return null;
    }
    const window = state.windows.find(state.keys.windows[slot]!, (this.ruleIndex << 16) >>> 0);
    return window === NONE || state.watched.find(window) === undefined ? null : this.source();
  }

  target(): unknown {
    const known = this.ends.setTarget();
    if (known) this.state.words.asTarget();
    return this.open(known, '');
  }

  pair(): unknown {
    const [source, target] = this.ends.texts();
    return this.key(`${source} ${target}`);
  }

  key(text: string): unknown {
    this.state.words.setText(text);
    return this.open(true, text);
  }

  measure(value: number, related = '', port = -1, packets = 1): void {
    const { state, rule, window, time } = this;
    const watched = this.opened;
    if (watched === null) return;
    if (time - watched.last > rule.shape.window) watched.first = time;
    if (time > watched.last) watched.last = time;
    if (related !== '') noteRecent(watched, related, time);
    if (state.rebuilding) return;
    rule.countedPackets += packets;
    const full = value >= rule.rule.threshold;
    if (state.windows.open[window] === 1) this.carryOn(watched, value, full, related, port, packets);
    else if (full) this.openEpisode(watched, value, related, port, packets);
  }

  private begin(rule: CompiledRule, index: number, time: number, place: RowPlace): void {
    this.rule = rule;
    this.ruleIndex = index;
    this.time = time;
    this.site = place.site;
    this.timeline = place.timeline;
    this.node = place.node;
    this.opened = null;
  }

  private noteFailure(error: unknown): void {
    if (!this.state.rebuilding) this.rule.noteFailure(error);
  }

  private finish(): void {
    if (this.opened !== null) this.state.watched.weigh(this.opened, this.rule);
  }

  /** Opens the key in the state's words. */
  private open(known: boolean, text: string): unknown {
    if (known) return this.openSlot(this.state.slotOf(this.timeline, this.site, this.time), text);
    this.finish();
    this.opened = null;
    return this.rule.watcher!.newState(); // of an address that is none: measured for nobody
  }

  private openSlot(slot: number, text: string): unknown {
    const { state, rule } = this;
    this.finish();
    const { current } = state;
    // of a key that has windows it is there
    if (text !== '' && state.keys.windows[slot] === NONE) state.keyTexts.set(slot, text);
    if (slot !== current) this.meet(slot);
    state.current = slot;
    this.window = state.windowOf(slot, (this.ruleIndex << 16) >>> 0);
    state.current = current;
    const watched = state.watched.of(this.window, rule);
    if (state.rebuilding && rule.durable && watched.logged) {
      this.opened = null;
      return rule.watcher!.newState(); // the changelog has it whole
    }
    this.opened = watched;
    if (rule.durable) state.dirtyWindows.add(this.window);
    return this.opened.state;
  }

  /** Keys that are opened by a row have clocks and runs as sources of packets do. */
  private meet(slot: number): void {
    const { state, timeline, time, node } = this;
    const { keys } = state;
    if (keys.run[slot] !== timeline.serial || state.runs.hasSeveral(slot)) {
      // what comes late is no repetition
      const lateness = state.limits.allowedLatenessMicros;
      state.meet(slot, timeline, node, Math.max(time, keys.clock[slot]! - lateness));
    }
    if (time > keys.clock[slot]!) keys.clock[slot] = time;
  }

  private isExcepted(source: string, target: string, port: number): boolean {
    const { exceptions } = this.rule.rule;
    const node = this.state.nodeNames[this.node]!;
    const isExcepted = exceptions?.matchesText(source, target, port, node, this.site, this.time) === true;
    if (isExcepted && !this.state.rebuilding) this.rule.exceptedPackets++;
    return isExcepted;
  }

  private openEpisode(watched: Watched, value: number, related: string, port: number, packets: number): void {
    const { state, rule, window } = this;
    // A row that comes late fills the window as it stands at the newest.
    const time = watched.last;
    const episode = new Episode(state.windowKey(window), rule, time, window);
    episode.state = watched.state;
    episode.lastNode = this.node;
    for (const [text, seen] of watched.recent) {
      if (seen >= time - rule.shape.window && text !== related) this.addTarget(episode, text);
    }
    this.addTo(episode, value, related, port, packets);
    episode.firstSeen = Math.max(watched.first, time - rule.shape.window);
    episode.severity = rule.watcher!.severity?.(watched.state) ?? rule.rule.severity;
    episode.run = this.timeline.name;
    state.incidents.join(episode);
    state.episodes.add(episode);
    state.episodes.emit(episode, 'open', time, null);
    if (state.stateBytes > state.limits.stateBudgetBytes) state.evict();
  }

  private carryOn(
    watched: Watched,
    value: number,
    full: boolean,
    related: string,
    port: number,
    packets: number,
  ): void {
    const { state, rule, window, time } = this;
    const episode = state.episodes.of(window);
    if (full && time > episode.quietAt) {
      state.episodes.close(episode, 'quiet');
      this.openEpisode(watched, value, related, port, packets);
      return;
    }
    if (full) {
      if (time > episode.lastFull) episode.lastFull = time;
    } else if (time > episode.quietAt) {
      if (time > episode.quietAt + state.limits.allowedLatenessMicros) state.episodes.close(episode, 'quiet');
      return;
    }
    episode.state = watched.state;
    this.addTo(episode, value, related, port, packets);
    episode.run = this.timeline.name;
    state.episodes.markDirty(episode);
    if (episode.excepted !== null) {
      state.episodes.publishAgain(episode, time);
      return;
    }
    const severity = rule.watcher!.severity?.(watched.state) ?? episode.severity;
    if (severity > episode.severity) {
      episode.severity = severity;
      state.episodes.emit(episode, 'update', time, null);
    } else if (episode.packets >= episode.nextUpdate) state.episodes.emit(episode, 'update', time, null);
  }

  private addTo(episode: Episode, value: number, related: string, port: number, packets: number): void {
    episode.countMeasured(this.time, value, packets, port, this.node, this.state.nodeNames[this.node]!);
    if (episode.conversations.isOpen) episode.conversations.note(this.ends.community());
    if (related !== '') this.addTarget(episode, related);
  }

  private addTarget(episode: Episode, text: string): void {
    const key = textKey(text);
    if (episode.isNewTarget(key)) episode.addTarget(key, text);
  }

  private placeOf(entry: number): RowPlace {
    const { attempts, timelines, keys } = this.state;
    const scope = timelines.scopeAt(keys.scope[attempts.slot[entry]!]!);
    const timeline =
      timelines.withSerial(attempts.run[entry]!) ?? // of a first failure whose run has ended, the one that is at work
      (this.timeline?.group === scope.group ? this.timeline : this.state.timelineOf(scope.group.name));
    const { attemptPlace: last } = this;
    const node = attempts.node[entry]!;
    if (last !== null && last.timeline === timeline && last.site === scope.site && last.node === node) return last;
    this.attemptPlace = { timeline, site: scope.site, node };
    return this.attemptPlace;
  }
}
