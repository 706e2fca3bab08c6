/**
 * The tracker of conversations written a second time, slowly and plainly: objects in a map, text as keys, no tricks. What
 * producers/conversations does with tables of words is held to it packet by packet. It shares the rules that are tables of
 * numbers (which ports answer, what an ICMP error refuses) and the readers of payloads, nothing else.
 */

import { isRequest, requestType } from '../../../producers/conversations/icmp-query.js';
import { isRefusal } from '../../../producers/conversations/icmp-quote.js';
import {
  answersByPort,
  ftpDataPort,
  isNoAnswer,
  mayAnswerFromElsewhere,
} from '../../../producers/conversations/opening.js';
import { TapDirections } from '../../../producers/conversations/tap-directions.js';
import { RECEIVED_SLOT_MICROS } from '../../../schemas/conversations/conversation-block.js';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../../schemas/packets/packet-block.js';
import type { ConversationRow } from '../../support/conversation-tap.js';
import {
  freshEnd,
  isClosed,
  isIcmp,
  isReset,
  moveBySegment,
  note,
  noteSegment,
  stateOf,
  type TwoEnds,
} from './reference-connection.js';
import { ReferenceReceived } from './reference-received.js';
import { nothingSaid, ReferenceServices, type Said } from './reference-services.js';

const TCP = 6;
const UDP = 17;
const SECOND = 1_000_000;
const IDLE_TIMEOUT = 600 * SECOND;
const WHEEL_SECONDS = 1024;

export interface Ends {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface SeenPacket extends Ends {
  readonly time: number;
  /** Of the interface. */
  readonly interface: string;
  readonly vlan: number;
  /** Bytes on the wire. */
  readonly length: number;
  readonly flags: number;
  readonly payload: Buffer;
  readonly icmp: {
    readonly type: number;
    readonly code: number;
    readonly id: number;
    readonly quote: Ends | null;
  } | null;
}

export interface ReferenceRow extends ConversationRow {
  readonly vlan: number;
  readonly interface: string;
}

interface Conversation extends TwoEnds {
  readonly start: number;
  readonly interface: string;
  readonly vlan: number;
  readonly originatorName: string;
  readonly responderName: string;
  begun: boolean;
  unasked: boolean;
  halfSeen: boolean;
  outcome: 'unseen' | 'unanswered' | 'answered' | 'refused_rst' | 'refused_icmp';
  last: number;
  nextUpdate: number;
  /** The second, of a wheel of so many, when it is looked at next. */
  lookAt: number;
  said: Said;
}

/** Two ends, and what is remembered of them beyond a conversation. */
interface Pair {
  readonly first: string;
  readonly second: string;
  originator: string | null;
  /** Last packet of the latest conversation. */
  seen: number;
  conversation: Conversation | null;
}

export class ReferenceTracker {
  readonly rows: ReferenceRow[] = [];
  readonly received = new ReferenceReceived();
  private readonly pairs = new Map<string, Pair>();
  /** Those of a conversation that goes on. */
  private readonly open = new Set<Pair>();
  private readonly expected = new Map<string, number>();
  private readonly taps = new Map<string, TapDirections>();
  private readonly services = new ReferenceServices();
  private slot = 0;
  private nextSlot = Number.NEGATIVE_INFINITY;
  private earliest = Number.NEGATIVE_INFINITY;
  private second = 0;

  constructor(private readonly updateInterval: number) {}

  /** The role of the packet's sender. */
  see(packet: SeenPacket): string {
    const { time } = packet;
    if (time >= this.nextSlot || time < this.earliest) this.moveOn(time);
    const key = keyOf(packet);
    if (key === null) {
      this.readError(packet);
      return 'unknown';
    }
    const [source, destination] = endsOf(packet);
    let pair = this.pairs.get(key);
    if (pair !== undefined && time - pair.seen > IDLE_TIMEOUT) {
      if (pair.conversation !== null) this.end(pair);
      pair = undefined;
    }
    const isNew = pair === undefined;
    if (pair === undefined) {
      pair = { first: source, second: destination, originator: null, seen: time, conversation: null };
      this.pairs.set(key, pair);
    }
    const isSyn = packet.protocol === TCP && (packet.flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
    const before = pair.conversation ?? this.lastOf.get(pair) ?? null;
    if (pair.conversation !== null && isSyn) {
      const isRepeated = pair.conversation.begun && !isClosed(pair.conversation) && pair.originator === source;
      if (!isRepeated) this.end(pair);
    }
    const begins = pair.conversation === null;
    let role = 'unknown';
    if (begins) role = this.begin(packet, pair, isNew, before);
    else if (!isIcmp(packet.protocol)) role = this.knownRole(packet, pair);
    this.count(packet, pair.conversation!, begins);
    pair.seen = pair.conversation!.last;
    return isIcmp(packet.protocol) ? 'unknown' : role;
  }

  passTime(time: number): void {
    if (this.nextSlot !== Number.NEGATIVE_INFINITY && time >= this.nextSlot) this.moveOn(time);
  }

  finish(): void {
    for (const pair of this.open) this.end(pair);
    this.received.close();
  }

  /** The latest conversation of a pair that is over. */
  private readonly lastOf = new Map<Pair, Conversation>();

  private moveOn(time: number): void {
    this.received.close();
    const isFirst = this.nextSlot === Number.NEGATIVE_INFINITY;
    this.slot = Math.floor(time / RECEIVED_SLOT_MICROS) * RECEIVED_SLOT_MICROS;
    this.nextSlot = this.slot + RECEIVED_SLOT_MICROS;
    const until = Math.floor(time / SECOND);
    if (isFirst || time < this.earliest) this.second = until - 1;
    else {
      this.second = Math.max(this.second, until - WHEEL_SECONDS);
      while (this.second < until) {
        this.second++;
        for (const pair of this.open) this.lookAt(pair, time);
      }
    }
    this.earliest = this.slot - 60 * SECOND;
  }

  private lookAt(pair: Pair, now: number): void {
    const conversation = pair.conversation!;
    if (conversation.lookAt !== this.second % WHEEL_SECONDS) return;
    const due = conversation.last + timeoutOf(conversation);
    if (due <= now) this.end(pair);
    else this.lookNext(conversation, due);
  }

  private lookNext(conversation: Conversation, due: number): void {
    const next = this.second + 1;
    conversation.lookAt = Math.min(Math.max(Math.ceil(due / SECOND), next), next + WHEEL_SECONDS - 1) % WHEEL_SECONDS;
  }

  private end(pair: Pair): void {
    const conversation = pair.conversation!;
    this.put('ended', conversation, conversation.last);
    this.lastOf.set(pair, conversation);
    pair.conversation = null;
    this.open.delete(pair);
  }

  private begin(packet: SeenPacket, pair: Pair, isNew: boolean, before: Conversation | null): string {
    const { protocol, flags, time } = packet;
    const [source, destination] = endsOf(packet);
    const isTcp = protocol === TCP;
    let role: string;
    if (packet.icmp !== null) role = isRequest(packet.icmp.type) ? 'opening' : 'unknown';
    else if (isNew) role = this.firstRole(packet);
    else {
      const repeats = before !== null && isAttempt(before) && pair.originator === source;
      role = this.knownRole(packet, pair);
      if (isTcp && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN && !repeats) role = 'opening';
    }
    if (isNew && role !== 'unknown') pair.originator = role === 'responder' ? destination : source;
    const looksLikeAnswer = !isTcp || (flags & TCP_RST) !== 0 || packet.sourcePort < packet.destinationPort;
    const isAnswer = role === 'responder' || (role === 'unknown' && looksLikeAnswer);
    const isAnnounced = role === 'responder' && !isTcp && isNew;
    const isSyn = isTcp && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
    const begun = role === 'opening' || isAnnounced || (role === 'originator' && (!isTcp || isSyn));
    const conversation: Conversation = {
      protocol,
      originator: freshEnd(),
      responder: freshEnd(),
      history: isAnswer && isTcp ? '^' : '',
      start: time,
      interface: packet.interface,
      vlan: packet.vlan,
      originatorName: isAnswer ? destination : source,
      responderName: isAnswer ? source : destination,
      begun,
      unasked: isAnswer && !isAnnounced && (!isTcp || (flags & (TCP_SYN | TCP_RST)) !== 0),
      halfSeen: false,
      outcome: begun ? 'unanswered' : 'unseen',
      last: time,
      nextUpdate: time + this.updateInterval,
      lookAt: 0,
      said: nothingSaid(),
    };
    this.lookNext(conversation, time + timeoutOf(conversation));
    if (isTcp && isNew && role === 'originator') conversation.said.announced = 'ftp-data';
    if (begun && protocol === UDP && mayAnswerFromElsewhere(packet.destinationPort)) this.expect(source, time);
    pair.conversation = conversation;
    this.open.add(pair);
    return role;
  }

  private expect(end: string, time: number): void {
    this.expected.set(end, time + 60 * SECOND);
  }

  private isExpected(end: string, time: number): boolean {
    return (this.expected.get(end) ?? Number.NEGATIVE_INFINITY) >= time;
  }

  private firstRole(packet: SeenPacket): string {
    const { protocol, flags, time } = packet;
    const [, destination] = endsOf(packet);
    if (protocol !== TCP) {
      if (this.isExpected(destination, time)) return 'responder';
      return protocol === UDP && answers(packet) ? 'unknown' : 'opening';
    }
    if ((flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0) return 'responder';
      return this.isExpected(destination, time) ? 'originator' : 'opening';
    }
    return (flags & (TCP_ACK | TCP_RST)) === 0 ? 'opening' : 'unknown';
  }

  private knownRole(packet: SeenPacket, pair: Pair): string {
    const { protocol, flags } = packet;
    const [source, destination] = endsOf(packet);
    if (protocol === TCP && (flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0) {
        if (pair.originator !== destination) pair.originator = destination;
        return 'responder';
      }
      if (pair.originator === source) return 'originator';
      pair.originator = source;
      return 'opening';
    }
    if (pair.originator === null) {
      if (protocol === TCP || answers(packet)) return 'unknown';
      pair.originator = source;
    }
    return pair.originator === source ? 'originator' : 'responder';
  }

  private count(packet: SeenPacket, conversation: Conversation, begins: boolean): void {
    const { time, flags } = packet;
    const [source] = endsOf(packet);
    const byOriginator = source === conversation.originatorName;
    const end = byOriginator ? conversation.originator : conversation.responder;
    const payload = packet.payload.length;
    end.packets++;
    end.bytes += packet.length;
    end.payload += payload;
    conversation.last = Math.max(conversation.last, time);
    if (packet.protocol === TCP) {
      const wasClosed = isClosed(conversation);
      moveBySegment(conversation, flags, payload, byOriginator);
      noteSegment(conversation, flags, payload, byOriginator);
      if (isClosed(conversation) && !wasClosed)
        this.lookNext(conversation, conversation.last + timeoutOf(conversation));
    } else {
      end.state = 'established';
      if (payload > 0 && packet.icmp === null) note(conversation, 'd', byOriginator);
    }
    if (conversation.outcome === 'unseen' || conversation.outcome === 'unanswered') {
      this.judge(packet, conversation, byOriginator);
    }
    this.countReceived(packet, conversation, byOriginator, begins);
    if (time >= conversation.nextUpdate) {
      conversation.nextUpdate = time + this.updateInterval;
      this.put('updated', conversation, time);
    }
    if (payload > 0 && (packet.protocol === TCP || packet.protocol === UDP)) {
      this.readPayload(packet, conversation, byOriginator);
    }
  }

  private readPayload(packet: SeenPacket, conversation: Conversation, byOriginator: boolean): void {
    const { payload, time } = packet;
    const responderPort = byOriginator ? packet.destinationPort : packet.sourcePort;
    const end = byOriginator ? conversation.originator : conversation.responder;
    if (end.saysNoMore) return;
    if (responderPort === 21 && packet.protocol === TCP) {
      const port = ftpDataPort(payload, 0, payload.length);
      if (port !== 0) this.expect(`${packet.source} ${port}`, time);
    }
    end.payloadsRead++;
    end.saysNoMore = !this.services.read(
      conversation.said,
      {
        buffer: payload,
        start: 0,
        end: payload.length,
        time,
        transport: packet.protocol,
        fromOriginator: byOriginator,
        originatorPort: byOriginator ? packet.sourcePort : packet.destinationPort,
        responderPort,
        service: conversation.said.service,
        state: conversation.said.state,
      },
      end.payloadsRead,
    );
  }

  private judge(packet: SeenPacket, conversation: Conversation, byOriginator: boolean): void {
    const { flags, time } = packet;
    const isTcp = packet.protocol === TCP;
    const isPlainAck = (flags & (TCP_ACK | TCP_SYN | TCP_RST)) === TCP_ACK;
    if (!conversation.begun) {
      if (!byOriginator) return;
      const wasUnasked = conversation.unasked;
      conversation.unasked = false;
      if (!isTcp || !wasUnasked || !isPlainAck) return;
      conversation.begun = true;
      this.settle(conversation, 'answered', time);
    } else if (!byOriginator) {
      if (isTcp && conversation.responder.state === 'inactive') return;
      this.settle(conversation, isTcp && (flags & TCP_RST) !== 0 ? 'refused_rst' : 'answered', time);
    } else if (isTcp && conversation.responder.packets === 0) {
      const tap = this.tapOf(conversation);
      if (isPlainAck && !conversation.halfSeen) {
        tap.sawHalf();
        conversation.halfSeen = true;
      } else if (conversation.originator.packets !== 1) return;
      if (!tap.isOneWay || conversation.outcome === 'unseen') return;
      conversation.outcome = 'unseen';
      this.put('unseen', conversation, time);
    }
  }

  private tapOf(conversation: Conversation): TapDirections {
    let tap = this.taps.get(conversation.interface);
    if (tap === undefined) {
      tap = new TapDirections();
      this.taps.set(conversation.interface, tap);
    }
    return tap;
  }

  private settle(conversation: Conversation, outcome: Conversation['outcome'], time: number): void {
    conversation.outcome = outcome;
    const row = this.receivedRow(conversation, true);
    row.last = Math.max(row.last, time);
    if (outcome === 'answered') {
      if (conversation.protocol === TCP) this.tapOf(conversation).sawWhole();
      row.answered++;
    } else row.refused++;
    this.put(outcome === 'answered' ? 'answered' : 'refused', conversation, time);
  }

  private readError(packet: SeenPacket): void {
    const { icmp } = packet;
    if (icmp === null || icmp.quote === null || !isRefusal(packet.protocol, icmp.type, icmp.code)) return;
    const conversation = this.pairs.get(keyOf({ ...icmp.quote, icmp: null })!)?.conversation ?? null;
    if (conversation === null || !conversation.begun) return;
    if (conversation.outcome !== 'unseen' && conversation.outcome !== 'unanswered') return;
    const quoted = `${icmp.quote.source} ${icmp.quote.sourcePort}`;
    if (quoted === conversation.originatorName) this.settle(conversation, 'refused_icmp', packet.time);
  }

  private countReceived(packet: SeenPacket, conversation: Conversation, byOriginator: boolean, begins: boolean): void {
    if (byOriginator ? !conversation.begun : !conversation.unasked) return;
    const row = this.receivedRow(conversation, byOriginator);
    row.last = Math.max(row.last, packet.time);
    if (byOriginator) {
      if (begins) row.attempts++;
      row.packets++;
      row.bytes += packet.length;
    } else {
      row.unasked++;
      row.unaskedBytes += packet.length;
    }
  }

  private receivedRow(conversation: Conversation, byResponder: boolean): ReturnType<ReferenceReceived['row']> {
    const { originatorName, responderName, protocol } = conversation;
    const [target, source] = byResponder ? [responderName, originatorName] : [originatorName, responderName];
    const port = Number(responderName.split(' ')[1]);
    const [address, peer] = [target, source].map((end) => end.split(' ')[0]!);
    return this.received.row(this.slot, conversation.interface, address!, protocol, port, peer!);
  }

  private put(event: string, conversation: Conversation, time: number): void {
    const { originator, responder, protocol, said } = conversation;
    const [originatorAddress, originatorPort, icmpId] = conversation.originatorName.split(' ');
    const [responderAddress, responderPort] = conversation.responderName.split(' ');
    const hasSpoken = responder.packets > 0 && ['unseen', 'unanswered', 'answered'].includes(conversation.outcome);
    const port = isIcmp(protocol) ? 0 : Number(responderPort);
    this.rows.push({
      event,
      time,
      start: conversation.start,
      last: conversation.last,
      originator: originatorAddress!,
      originatorPort: Number(originatorPort),
      responder: responderAddress!,
      responderPort: port,
      icmpId: Number(icmpId ?? 0),
      protocol,
      vlan: conversation.vlan,
      interface: conversation.interface,
      begun: conversation.begun,
      outcome: conversation.outcome,
      state: stateOf(conversation),
      history: conversation.history,
      packets: [originator.packets, responder.packets],
      bytes: [originator.bytes, responder.bytes],
      payload: [originator.payload, responder.payload],
      loginsFailed: said.loginsFailed,
      loginsSucceeded: said.loginsSucceeded,
      service: this.services.serviceOf(said, protocol, port, hasSpoken),
      names: said.names,
    });
  }
}

function answers({ sourcePort, destinationPort, payload }: SeenPacket): boolean {
  if (!answersByPort(sourcePort, destinationPort)) return false;
  return !isNoAnswer(sourcePort, payload.length, payload, 0, payload.length);
}

function isAttempt(conversation: Conversation): boolean {
  const { outcome } = conversation;
  const isOpen = outcome === 'unseen' || outcome === 'unanswered';
  return conversation.protocol === TCP && conversation.responder.state === 'inactive' && isOpen;
}

function timeoutOf(conversation: Conversation): number {
  if (conversation.protocol !== TCP) return 60 * SECOND;
  if (isReset(conversation)) return SECOND;
  if (isClosed(conversation)) return 5 * SECOND;
  return (isAttempt(conversation) ? 10 : 300) * SECOND;
}

/** Address and port; of an ICMP query the type of its question and its identifier. */
function endsOf({
  source,
  destination,
  sourcePort,
  destinationPort,
  protocol,
  icmp,
}: Ends & Pick<SeenPacket, 'icmp'>): [string, string] {
  if (icmp === null) return [`${source} ${sourcePort}`, `${destination} ${destinationPort}`];
  const type = requestType(protocol, icmp.type);
  return [`${source} ${type} ${icmp.id}`, `${destination} ${type} ${icmp.id}`];
}

/** The same for both directions; null when the packet belongs to no conversation. */
function keyOf(packet: Ends & Pick<SeenPacket, 'icmp'>): string | null {
  if (packet.icmp !== null && requestType(packet.protocol, packet.icmp.type) < 0) return null;
  return `${packet.protocol} ${endsOf(packet).sort().join()}`;
}
