/** Rows given to watchers (contract/watcher.ts): their keys are opened, their states kept, what they measure becomes episodes. */
import { formatIpv4, formatIpv6 } from '../../schemas/address.js';
import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_SLOT_BYTES } from '../../schemas/conversations/conversation-block.js';
import { linkObservation } from '../../schemas/observations/link-observation.js';
import type { Observation } from '../../schemas/observations/observation.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Attempt, AttemptOutcome, Watch } from '../contract/watch.js';
import type { Waiting } from './attempts.js';
import type { CompiledRule } from './compiled-rule.js';
import type { EngineState } from './engine-state.js';
import { Episode } from './episode.js';
import { NONE } from './key-table.js';
import { slotText, textKey } from './sighting-target.js';
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
  private rule!: CompiledRule;
  private ruleIndex = 0;
  private timeline!: Timeline;
  private node = 0;
  /** The addresses of the row at hand. */
  private ends: RowEnds = NO_ENDS;
  private readonly packetEnds: PacketEnds;
  private opened: Watched | null = null;
  private window = NONE;

  constructor(private readonly state: EngineState) {
    this.packetEnds = new PacketEnds(state.words);
  }

  packet(block: PacketBlock, row: number, rule: CompiledRule, index: number, time: number, place: RowPlace): void {
    this.begin(rule, index, time, place);
    this.packetEnds.at(block, row);
    this.ends = this.packetEnds;
    if (rule.rule.exceptions?.matches(block, row)) {
      if (!this.state.rebuilding) rule.exceptedPackets++;
      return;
    }
    if (rule.rule.detector.observations !== undefined) this.linkObservation(block, row, rule);
    else this.run(() => rule.watcher!.packet?.(block, row, this));
  }

  /** What the packet says of its link, for rules that ask for that. */
  private linkObservation(block: PacketBlock, row: number, rule: CompiledRule): void {
    const observation = linkObservation(block, row);
    if (observation === null || !rule.rule.detector.observations!.includes(observation.kind)) return;
    this.link = linkName(observation, block);
    this.run(() => rule.watcher!.observation?.(observation, this));
    this.link = '';
  }

  attempt(waiting: Waiting, outcome: AttemptOutcome): void {
    const { state } = this;
    const { rules, keys, words } = state;
    let attempt: Attempt | null = null;
    const place = this.placeOf(waiting);
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      if (!rule.rule.detector.attempts) continue;
      attempt ??= {
        time: waiting.time,
        source: words.format(keys.kind[waiting.slot]!, keys.words, waiting.slot * 4).split('/')[0]!,
        target: waiting.target === null ? formatIpv4(waiting.targetKey) : formatIpv6(waiting.target),
        targetKey: waiting.targetKey,
        ipProtocol: waiting.ipProtocol,
        port: waiting.port,
        sourcePort: waiting.sourcePort,
        ttl: waiting.ttl,
        outcome,
      };
      const said = attempt;
      this.begin(rule, index, waiting.time, place);
      this.ends = {
        setSource: () => words.copy(keys.kind[waiting.slot]!, keys.words, waiting.slot * 4),
        setTarget: () => words.parse(said.target),
        texts: () => [said.source, said.target],
      };
      if (this.isExcepted(said.source, said.target, said.port)) continue;
      this.run(() => rule.watcher!.attempt?.(said, this));
    }
  }

  conversation(block: ConversationBlock, row: number, place: RowPlace): void {
    const { rules, words } = this.state;
    const originator = row * ADDRESS_SLOT_BYTES;
    this.ends = {
      setSource: () => words.setSlot(block.originator, originator),
      setTarget: () => words.setSlot(block.responder, originator),
      texts: () => [slotText(block.originator, originator), slotText(block.responder, originator)],
    };
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      if (!rule.rule.detector.conversations) continue;
      this.begin(rule, index, block.time[row]!, place);
      if (rule.rule.exceptions !== null) {
        const [source, target] = this.ends.texts();
        if (this.isExcepted(source, target, block.responderPort[row]!)) continue;
      }
      this.run(() => rule.watcher!.conversation?.(block, row, this));
    }
  }

  received(block: ReceivedBlock, row: number, place: RowPlace): void {
    const { rules, words } = this.state;
    const target = row * ADDRESS_SLOT_BYTES;
    this.ends = {
      setSource: () => false,
      setTarget: () => words.setSlot(block.target, target),
      texts: () => ['', slotText(block.target, target)],
    };
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      if (!rule.rule.detector.received) continue;
      this.begin(rule, index, block.last[row]!, place);
      if (rule.rule.exceptions !== null && this.isExcepted('', this.ends.texts()[1], block.port[row]!)) continue;
      this.run(() => rule.watcher!.received?.(block, row, this));
    }
  }

  observation(observation: Observation, place: RowPlace, link: string): void {
    const { rules, words } = this.state;
    this.link = link;
    this.ends = {
      setSource: () => observation.source !== '' && words.parse(observation.source),
      setTarget: () => observation.destination !== '' && words.parse(observation.destination),
      texts: () => [observation.source, observation.destination],
    };
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      const kinds = rule.rule.detector.observations;
      if (kinds === undefined || !kinds.includes(observation.kind)) continue;
      this.begin(rule, index, observation.time, place);
      if (rule.rule.exceptions !== null && this.isExcepted(observation.source, observation.destination, -1)) continue;
      this.run(() => rule.watcher!.observation?.(observation, this));
    }
    this.link = '';
  }

  source(): unknown {
    return this.open(this.ends.setSource(), '');
  }

  knownSource(): unknown {
    const { state } = this;
    if (!this.ends.setSource()) return null;
    const slot = state.findSlot(this.timeline, this.site);
    if (slot === NONE) return null;
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

  private run(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!this.state.rebuilding) this.rule.noteFailure(error);
    }
    if (this.opened !== null) this.state.watched.weigh(this.opened, this.rule);
  }

  /** Opens the key in the state's words. */
  private open(known: boolean, text: string): unknown {
    const { state, rule } = this;
    if (this.opened !== null) state.watched.weigh(this.opened, rule);
    if (!known) {
      this.opened = null;
      return rule.watcher!.newState(); // of an address that is none: measured for nobody
    }
    const { current } = state;
    const slot = state.slotOf(this.timeline, this.site, this.time);
    if (text !== '') state.keyTexts.set(slot, text);
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
    const isExcepted = exceptions?.matchesText(source, target, port, this.state.nodeNames[this.node]!) === true;
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
    this.addTo(episode, value, related, port, packets);
    episode.run = this.timeline.name;
    state.episodes.markDirty(episode);
    const severity = rule.watcher!.severity?.(watched.state) ?? episode.severity;
    if (severity > episode.severity) {
      episode.severity = severity;
      state.episodes.emit(episode, 'update', time, null);
    } else if (episode.packets >= episode.nextUpdate) state.episodes.emit(episode, 'update', time, null);
  }

  private addTo(episode: Episode, value: number, related: string, port: number, packets: number): void {
    episode.countMeasured(this.time, value, packets, port, this.node, this.state.nodeNames[this.node]!);
    if (related !== '') this.addTarget(episode, related);
  }

  private addTarget(episode: Episode, text: string): void {
    const key = textKey(text);
    if (episode.isNewTarget(key)) episode.addTarget(key, text);
  }

  private placeOf({ slot, node, run }: Waiting): RowPlace {
    const { state } = this;
    const scope = state.timelines.scopeAt(state.keys.scope[slot]!);
    return { timeline: state.timelines.withSerial(run) ?? state.timelineOf(scope.group.name), site: scope.site, node };
  }
}

/** Tells links apart: a VLAN of an interface. Two networks at two interfaces of a node may have the same addresses. */
export function linkName(observation: Observation, block: PacketBlock): string {
  return `${observation.vlan} ${block.origins[observation.origin]!.interface}`;
}

/** Both ends of a row: brought into the state's words, and as text. */
interface RowEnds {
  /** False when it is no IP address. */
  setSource(): boolean;
  setTarget(): boolean;
  texts(): readonly [string, string];
}

const NO_ENDS: RowEnds = { setSource: () => false, setTarget: () => false, texts: () => ['', ''] };

/** Of packets, which are many: one for all of them. */
class PacketEnds implements RowEnds {
  private block!: PacketBlock;
  private row = 0;

  constructor(private readonly words: EngineState['words']) {}

  at(block: PacketBlock, row: number): void {
    this.block = block;
    this.row = row;
  }

  setSource(): boolean {
    return this.set(this.block.sourceKind[this.row]!, this.block.sourceAddress[this.row]!);
  }

  setTarget(): boolean {
    return this.set(this.block.destinationKind[this.row]!, this.block.destinationAddress[this.row]!);
  }

  texts(): readonly [string, string] {
    const { block, row } = this;
    return [
      this.text(block.sourceKind[row]!, block.sourceAddress[row]!),
      this.text(block.destinationKind[row]!, block.destinationAddress[row]!),
    ];
  }

  private set(kind: number, address: number): boolean {
    if (kind === ADDRESS_IPV4) this.words.setIpv4(address);
    else if (kind === ADDRESS_IPV6) this.words.setIpv6(this.block.ipv6, address * 16);
    else return false;
    return true;
  }

  private text(kind: number, address: number): string {
    if (kind === ADDRESS_IPV4) return formatIpv4(address);
    return kind === ADDRESS_IPV6 ? formatIpv6(this.block.ipv6, address * 16) : '';
  }
}
