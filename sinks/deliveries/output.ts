/**
 * What a delivery of alerts is: a name, its settings, and how one alert event is brought to a receiver. Everything else is the
 * runner's (delivery-sink.ts), the same for all: reading the topic, order, offsets, waiting and trying again, dead letters,
 * where a new delivery begins. A new output is a file of its own, its test, and a line in catalogue.ts.
 */
import { Failure } from '../../runtime/process/failure.js';
import type { OptionTable, Settings } from '../../runtime/process/options.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';

export interface AlertEvent {
  /** `event.id`: the same at each attempt, and when a capture is played again. */
  readonly id: string;
  readonly document: AlertDocument;
  /** The record as it was published: the document as JSON. */
  readonly body: Buffer;
}

/**
 * What became of an attempt. `refused`: the receiver does not take this event, and would not take it again. `failing`: it cannot
 * take it now, because of the event or of how the two are set up; again later, though not for ever. `away`: it takes nothing now,
 * whichever event it is; again later. `gone`: it wants no more events at all.
 */
export type Verdict = { readonly kind: 'delivered' } | UndeliveredVerdict;

export interface UndeliveredVerdict {
  readonly kind: 'refused' | 'failing' | 'away' | 'gone';
  /** For metrics and dead letters, a word of few: `http_503`, `timeout`, `connection`. */
  readonly reason: string;
  /** For people, without secrets. */
  readonly detail: string;
  /** How long the receiver asks to be left alone; null or absent when it does not. */
  readonly retryAfterMs?: number | null;
}

/** A receiver, kept for as long as the sink runs. Events come one after another. */
export interface AlertReceiver {
  /** As logs may show it: without secrets. */
  readonly address: string;
  /** Never throws for what the receiver does. */
  deliver(event: AlertEvent): Promise<Verdict>;
  /** Gives up what is under way. */
  close(): void;
}

export interface ReceiverContext {
  /** Longest time that one attempt may take. */
  readonly timeoutMs: number;
  /** Told of what is allowed but unwise. */
  readonly warn: (message: string) => void;
}

export interface AlertOutput<T extends OptionTable = OptionTable> {
  /** As in `nta sink NAME`; its settings begin with it: `--NAME-…`. Letters alone. */
  readonly name: string;
  /** What it does, for lists: "POST alerts to a webhook". */
  readonly summary: string;
  /** Its own settings; those that every delivery has are added (delivery-options.ts). */
  readonly options: T;
  /** Where alerts go, as may be shown; null when the settings name no receiver. */
  addressOf(settings: Settings<T>): string | null;
  /** @throws Failure `CONFIGURATION`, without secrets; nothing has been connected to then. */
  open(settings: Settings<T>, context: ReceiverContext): AlertReceiver;
}

/** Keeps the types of its settings. */
export function defineOutput<const T extends OptionTable>(output: AlertOutput<T>): AlertOutput<T> {
  return output;
}

/** For `open`: a setting that cannot be used. */
export function refusedSetting(message: string): Failure {
  return new Failure('CONFIGURATION', message);
}
