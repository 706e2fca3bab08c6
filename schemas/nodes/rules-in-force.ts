/**
 * The rules that a processor has in force, JSON on the topic `rules` (key: who tells it, as what, and from which configuration). Told at the
 * start, when they change, and every `interval_ms`.
 */
export interface RuleInForce {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** One sentence: what it finds. */
  readonly summary: string;
  /** Whether it is on; of one that is off everything else is its default. */
  readonly enabled: boolean;
  /** 1 to 5. */
  readonly severity: number;
  /** Whom its windows are kept of: source, target, pair, mac. */
  readonly keyed_by: string;
  readonly measure: string;
  readonly threshold: number;
  /** What the threshold counts, in words. */
  readonly counts: string;
  readonly window_seconds: number;
  readonly techniques: readonly { readonly id: string; readonly name: string }[];
  readonly options: Readonly<Record<string, number | boolean | readonly (number | string)[]>>;
  /** Whether its configuration leaves out some traffic. */
  readonly has_exceptions: boolean;
}

/** Workers keep windows of the stream, the hunt looks through what is stored; each has rules of its own. */
export const RULE_PARTS = ['worker', 'hunt'] as const;
export type RulePart = (typeof RULE_PARTS)[number];

export interface RulesInForce {
  /** Machine that it runs on. */
  readonly processor: string;
  readonly part: RulePart;
  /** File of the configuration; empty for the defaults. */
  readonly configuration: string;
  readonly version: string;
  /** ISO 8601, by the processor's clock. */
  readonly sent_at: string;
  readonly interval_ms: number;
  readonly rules: readonly RuleInForce[];
}

/** Told by a processor that is silent for so many intervals, it counts no more. */
export const RULES_SILENT_INTERVALS = 3;
