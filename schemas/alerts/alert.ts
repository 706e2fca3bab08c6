/**
 * The alert document: one event of an episode, as Elastic Common Schema JSON (https://www.elastic.co/docs/reference/ecs),
 * because whoever reads the `alerts` topic is a SIEM. What ECS has no word for stands under `nta`. The JSON Schema
 * beside this file (`alert.schema.json`) is the same contract for other languages.
 *
 * Nothing in it depends on when or where it was computed: the same packets give the same bytes.
 */

/** The severities of the built-in detections have these names; 1 is informational, 5 critical. */
export const SEVERITY_NAMES = ['', 'informational', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = 1 | 2 | 3 | 4 | 5;

export type AlertAction = 'open' | 'update' | 'close';

export interface AlertTechnique {
  /** MITRE ATT&CK, "T1046". */
  readonly id: string;
  readonly name: string;
}

/** Evidence of an episode so far. Times are ISO 8601 in UTC with six fractional digits. Samples are bounded and say so by their counts. */
export interface AlertEvidence {
  readonly first_seen: string;
  readonly last_seen: string;
  /** Packets that counted towards the detection, scaled by no sampling rate. */
  readonly packets: number;
  /** The most that the window ever held of what the threshold counts. */
  readonly peak: number;
  /** Counted packets a second between first and last, three decimals; 0 while both are the same. */
  readonly rate: number;
  readonly ports?: { readonly distinct: number; readonly sample: readonly number[] };
  readonly targets?: { readonly distinct: number; readonly sample: readonly string[] };
  readonly macs?: readonly { readonly mac: string; readonly first_seen: string; readonly last_seen: string }[];
  /** Detector-specific facts: `{ "shape": "vertical" }`. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

export interface AlertDocument {
  /** Capture time of the packet that made this event, or for a `close` the end of the quiet window. */
  readonly '@timestamp': string;
  readonly ecs: { readonly version: string };
  readonly message: string;
  readonly event: {
    /** Of this event of the episode; the same input gives the same id. */
    readonly id: string;
    readonly kind: 'alert';
    readonly category: readonly string[];
    readonly type: readonly string[];
    readonly action: AlertAction;
    readonly module: 'nta';
    readonly dataset: 'nta.alerts';
    readonly severity: Severity;
    /** First counted packet and last counted packet of the episode. */
    readonly start: string;
    readonly end: string;
    readonly reason: string;
  };
  readonly rule: { readonly id: string; readonly name: string; readonly version: string };
  readonly source: { readonly ip?: string; readonly mac?: string; readonly address: string };
  readonly destination?: { readonly ip?: string; readonly port?: number };
  readonly threat: {
    readonly framework: 'MITRE ATT&CK';
    readonly technique: { readonly id: readonly string[]; readonly name: readonly string[] };
  };
  /** Capture nodes that saw the episode, sorted. */
  readonly observer: { readonly name: readonly string[]; readonly product: 'nta'; readonly type: 'sensor' };
  readonly related: { readonly ip: readonly string[] };
  /** Conversations behind it by their Community ID, at most ten: those from the crossing on. */
  readonly network?: { readonly community_id: readonly string[] };
  readonly nta: {
    /** The address space that the addresses are of; absent where sites are not told apart. */
    readonly site?: string;
    /** What belongs together: alerts of one source, or of one target, of which each begins within ten minutes of the others. */
    readonly incident?: { readonly id: string };
    readonly alert: {
      /** Of the episode: a hash of detector, version, key and first crossing time. */
      readonly id: string;
      /** Number of this event in the episode, from 1. */
      readonly sequence: number;
      readonly status: 'open' | 'closed';
      readonly severity_name: string;
      /** When the threshold was first crossed. */
      readonly crossed: string;
      readonly threshold: number;
      readonly window_seconds: number;
      /** Why an episode closed: `quiet`, `end_of_timeline`, `cut_off`, `superseded`, `evicted`, `disabled`. */
      readonly close_reason?: string;
      readonly evidence: AlertEvidence;
    };
  };
}

/** µs since the epoch → "2026-01-02T03:04:05.678901Z". */
export function formatTimestamp(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const fraction = String(micros - seconds * 1e6).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${fraction}Z`;
}
