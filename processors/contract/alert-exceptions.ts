/** Alerts that are not to be published, as the engine asks for them; processors/rules compiles them. */
import type { AlertDocument } from '../../schemas/alerts/alert.js';

export interface Excepted {
  /** Of the exception. */
  readonly id: string;
  /** Event time up to which it holds unless exceptions change, µs; ∞ when it does not end. */
  readonly until: number;
}

export interface AlertExceptions {
  readonly isEmpty: boolean;
  /** Which exception leaves this event at this time (µs) out; null when none does. */
  find(document: AlertDocument, time: number): Excepted | null;
  has(id: string): boolean;
}
