/** A rule of a YAML file as a detector: its filter asks each conversation, its measure fills the window of its key. */
import { formatDuration } from '../../runtime/process/options.js';
import type { Severity } from '../../schemas/alerts/alert.js';
import { EVENT_ENDED, EVENT_UPDATED } from '../../schemas/conversations/conversation.js';
import type { ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import type { Detector } from '../contract/detector.js';
import { TARGETS_MAX } from '../contract/evidence.js';
import type { Watch } from '../contract/watch.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet, WindowedSum } from '../contract/windowed.js';
import { originatorOf, responderOf } from '../detectors/conversation-rows.js';
import { conversationFilter, hostNameOf } from './conversation-filter.js';

export const KEYS = ['source', 'target', 'pair'] as const;
export const MEASURES = [
  'count',
  'distinct targets',
  'distinct sources',
  'distinct ports',
  'distinct names',
  'sum bytes',
  'sum packets',
  'sum sent',
  'sum received',
] as const;
type Measure = (typeof MEASURES)[number];

export interface RuleDefinition {
  readonly id: string;
  /** Of its whole definition. */
  readonly version: string;
  readonly name?: string | undefined;
  readonly summary?: string | undefined;
  readonly filter: string;
  readonly key: (typeof KEYS)[number];
  readonly measure: Measure;
  readonly threshold: number;
  readonly windowSeconds: number;
  readonly severity: Severity;
  readonly message?: string | undefined;
  readonly technique?: string | undefined;
}

/** Longer windows are in the changelog, shorter ones are rebuilt from what is read again. */
const REBUILT_SECONDS_MAX = 600;
/** Open conversations of a key whose totals so far are known. */
const OPEN_MAX = 256;

interface Measured {
  source: string;
  target: string;
  name: string;
  readonly values: WindowedSet<string>;
  readonly sum: WindowedSum;
  readonly counted: Map<string, number>;
}

const COUNTS: Readonly<Record<Measure, string>> = {
  count: 'conversations',
  'distinct targets': 'targets',
  'distinct sources': 'sources',
  'distinct ports': 'ports',
  'distinct names': 'names',
  'sum bytes': 'bytes',
  'sum packets': 'packets',
  'sum sent': 'bytes sent',
  'sum received': 'bytes received',
};

export function compileRule(rule: RuleDefinition): Detector {
  const matches = conversationFilter(rule.filter);
  const { threshold, windowSeconds } = rule;
  const isSum = rule.measure.startsWith('sum');
  return defineWatcher<Measured>()({
    id: rule.id,
    version: rule.version,
    name: rule.name ?? rule.id,
    summary: rule.summary ?? rule.filter,
    techniques: rule.technique === undefined ? [] : [{ id: rule.technique, name: rule.technique }],
    eventTypes: ['info'],
    severity: rule.severity,
    keyedBy: rule.key,
    conversations: true,
    durable: windowSeconds > REBUILT_SECONDS_MAX,
    // In a fleet the conversations towards a host lie in the partitions of those who began them.
    hunted: rule.key === 'target',
    conversationSearch: rule.filter,
    counts: COUNTS[rule.measure],
    threshold: { default: threshold, minimum: 1, maximum: Math.max(threshold, 1e15), help: COUNTS[rule.measure] },
    windowSeconds: { default: windowSeconds, minimum: 1, maximum: 604_800, help: 'length of the window' },
    options: {},
    createWatcher: (_, settings) => {
      // So many are told apart, no more: an alert says how many there were, not only that there were enough.
      const most = Math.max(2 * settings.threshold, TARGETS_MAX);
      const newState = (): Measured => ({
        source: '',
        target: '',
        name: '',
        values: new WindowedSet(settings.windowMicros, most),
        sum: new WindowedSum(settings.windowMicros),
        counted: new Map(),
      });
      return {
        newState,
        bytes: ({ values, counted }) => 500 + 80 * values.size + 60 * counted.size,
        conversation: (block, row, watch) => {
          const event = block.event[row];
          if (event !== EVENT_ENDED && !(isSum && event === EVENT_UPDATED)) return;
          if (!matches(block, row)) return;
          const state = openKey(rule.key, watch);
          const source = originatorOf(block, row);
          const target = responderOf(block, row);
          state.source = source;
          state.target = target;
          state.name = hostNameOf(block, row);
          const value = isSum ? summed(state, rule.measure, block, row) : told(state, rule.measure, block, row);
          if (value !== null) watch.measure(value, rule.key === 'target' ? source : target, block.responderPort[row]!);
        },
        describe: ({ peak, threshold, windowSeconds, targets }, { source, target, name }) => {
          const given: Readonly<Record<string, string>> = {
            source: rule.key === 'target' && targets.distinct > 1 ? `${targets.distinct} sources` : source,
            target: rule.key === 'source' && targets.distinct > 1 ? `${targets.distinct} targets` : target,
            name,
            value: peak >= most && !isSum ? `at least ${peak}` : String(peak),
            threshold: String(threshold),
            window: formatDuration(windowSeconds * 1000),
          };
          const words =
            rule.message ??
            `${rule.name ?? rule.id}: {source} to {target}, {value} ${COUNTS[rule.measure]} in {window}`;
          return {
            message: words.replace(/\{(\w+)\}/g, (_all, word: string) => given[word] ?? ''),
            details: { measure: rule.measure, filter: rule.filter },
            ...(rule.key === 'pair'
              ? { source: { ip: source, address: source }, destination: { ip: target }, related: [source, target] }
              : {}),
          };
        },
        save: ({ values, sum, counted, ...rest }) => ({
          ...rest,
          values: values.entries(),
          sum: sum.entries(),
          counted: [...counted],
        }),
        load: (value) => {
          const saved = value as Omit<Measured, 'values' | 'sum' | 'counted'> & {
            values: [string, number][];
            sum: [number, number][];
            counted: [string, number][];
          };
          const fresh = newState();
          return {
            ...saved,
            values: fresh.values.restore(saved.values),
            sum: fresh.sum.restore(saved.sum),
            counted: new Map(saved.counted),
          };
        },
      };
    },
  });
}

function openKey(key: RuleDefinition['key'], watch: Watch<Measured>): Measured {
  return key === 'source' ? watch.source() : key === 'target' ? watch.target() : watch.pair();
}

/** How many the window tells apart; null where the row has none of it. */
function told(
  { values, source, target, name }: Measured,
  measure: Measure,
  block: ConversationBlock,
  row: number,
): number | null {
  const port = block.responderPort[row]!;
  const value =
    measure === 'distinct targets'
      ? target
      : measure === 'distinct sources'
        ? source
        : measure === 'distinct ports'
          ? `${block.ipProtocol[row]} ${port}`
          : measure === 'distinct names'
            ? name
            : `${block.start[row]} ${source} ${block.originatorPort[row]} ${target} ${port}`;
  return value === '' ? null : values.add(block.time[row]!, value);
}

/** The sum of the window; rows tell totals, of which a part may have been counted. */
function summed({ sum, counted }: Measured, measure: Measure, block: ConversationBlock, row: number): number {
  const out =
    measure === 'sum received'
      ? 0
      : measure === 'sum packets'
        ? block.originatorPackets[row]!
        : block.originatorBytes[row]!;
  const back =
    measure === 'sum sent' ? 0 : measure === 'sum packets' ? block.responderPackets[row]! : block.responderBytes[row]!;
  const total = out + back;
  const name = `${block.start[row]} ${originatorOf(block, row)} ${block.originatorPort[row]} ${responderOf(block, row)} ${block.responderPort[row]}`;
  const before = counted.get(name) ?? 0;
  counted.delete(name);
  if (block.event[row] === EVENT_UPDATED) {
    counted.set(name, total);
    for (const old of counted.keys()) {
      if (counted.size <= OPEN_MAX) break;
      counted.delete(old);
    }
  }
  return sum.add(block.time[row]!, Math.max(0, total - before));
}
