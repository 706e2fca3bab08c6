/**
 * Rules without code, `--rules FILE`:
 *
 *     rules:
 *       - id: smb-leaves-the-site
 *         name: SMB to the outside
 *         filter: port 445 and proto tcp and not dst 10.0.0.0/8   # the search language, as GET /api/conversations has it
 *         key: source                  # who is watched: source, target or pair
 *         measure: distinct targets    # count; distinct targets, sources, ports or names; sum bytes, packets, sent or received
 *         threshold: 5
 *         window: 10m
 *         severity: medium             # or 3
 *         message: "{source} spoke SMB to {value} hosts outside"
 *         technique: T1021.002
 *
 * Each becomes a detector like those that are built in: episodes, ids, exceptions, recovery and memory are the engine's. A conversation
 * counts when it has ended; of sums, what has come so far also every few minutes. Everything wrong with a file is reported at once.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { formatDuration } from '../../runtime/process/options.js';
import { SearchError } from '../../schemas/tables/search-language.js';
import type { Detector } from '../contract/detector.js';
import { compileRule, KEYS, MEASURES, type RuleDefinition } from './compiled-file-rule.js';
import { conversationFilter } from './conversation-filter.js';
import { readMilliseconds, readSeverity, readYaml, schemaFaults, severitySchema } from './yaml-file.js';

export type RuleFileResult =
  | { readonly ok: true; readonly detectors: readonly Detector[] }
  /** One line each: "rules.yaml:12: rules.0.threshold: must be …". */
  | { readonly ok: false; readonly errors: readonly string[] };

const RULES_MAX = 1000;
const WINDOW_MS_MIN = 1_000;
const WINDOW_MS_MAX = 7 * 86_400_000;

const oneOf = <const T extends readonly string[]>(words: T): z.ZodEnum<{ [Word in T[number]]: Word }> =>
  z.enum(words, { error: `must be one of ${words.join(', ')}` });

const windowSchema = z
  .union([z.string(), z.number()], { error: 'must be a duration such as 60s or 10m' })
  .transform(readMilliseconds)
  .refine(
    (value): value is number => value !== null && value >= WINDOW_MS_MIN && value <= WINDOW_MS_MAX,
    `must be a duration from ${formatDuration(WINDOW_MS_MIN)} to ${formatDuration(WINDOW_MS_MAX)}, such as 60s or 10m`,
  );

const ruleSchema = z.strictObject({
  id: z
    .string({ error: 'is missing; give lower-case letters, digits and hyphens' })
    .regex(/^[a-z][a-z0-9-]{1,63}$/, 'must be lower-case letters, digits and hyphens, at most 64'),
  name: z.string().min(1).max(200).optional(),
  summary: z.string().max(1000).optional(),
  filter: z
    .string({ error: 'must be a search, such as port 445 and not dst 10.0.0.0/8' })
    .superRefine((text, context) => {
      try {
        conversationFilter(text);
      } catch (error) {
        if (!(error instanceof SearchError)) throw error;
        context.addIssue({ code: 'custom', message: `at character ${error.at + 1}: ${error.message}` });
      }
    }),
  key: oneOf(KEYS),
  measure: oneOf(MEASURES),
  threshold: z
    .number({ error: 'must be a whole number from 1' })
    .int({ error: 'must be a whole number from 1' })
    .min(1, { error: 'must be a whole number from 1' })
    .max(1e15, { error: 'must be at most 1e15' }),
  window: windowSchema,
  severity: severitySchema.transform(readSeverity),
  message: z
    .string()
    .max(500)
    .regex(
      /^(?:[^{}]|\{(?:source|target|value|threshold|window|name)\})*$/,
      'may name {source}, {target}, {value}, {threshold}, {window} and {name}, and no other braces',
    )
    .optional(),
  technique: z
    .string()
    .regex(/^T\d{4}(?:\.\d{3})?$/, 'must be an id of MITRE ATT&CK, such as T1021 or T1021.002')
    .optional(),
});

const fileSchema = z.strictObject({ rules: z.array(ruleSchema).min(1).max(RULES_MAX) });

const DISTINCT_MAX = 100_000;

/** @param known ids that are taken */
export function parseRuleFile(text: string, fileName: string, known: ReadonlySet<string>): RuleFileResult {
  const file = readYaml(text, fileName);
  if (!file.ok) return file;
  const result = fileSchema.safeParse(file.value);
  if (!result.success) {
    const known = (path: readonly PropertyKey[]) => Object.keys((path.length === 0 ? fileSchema : ruleSchema).shape);
    return { ok: false, errors: schemaFaults(result.error, file, known) };
  }
  const errors: string[] = [];
  const taken = new Set(known);
  const detectors = result.data.rules.flatMap((rule, index) => {
    if (taken.has(rule.id))
      errors.push(file.fault(['rules', index, 'id'], `there is a rule ${rule.id} already; give it another id`));
    else if (!rule.measure.startsWith('sum') && rule.threshold > DISTINCT_MAX)
      errors.push(file.fault(['rules', index, 'threshold'], `must be at most ${DISTINCT_MAX} for what is not a sum`));
    taken.add(rule.id);
    return [
      compileRule({
        ...(rule as Omit<RuleDefinition, 'windowSeconds' | 'version'>),
        windowSeconds: rule.window / 1000,
        version: versionOf(rule),
      }),
    ];
  });
  return errors.length > 0 ? { ok: false, errors } : { ok: true, detectors };
}

/** Another rule under the same id has other alerts, so other ids. */
function versionOf(rule: object): string {
  return createHash('sha256').update(JSON.stringify(rule)).digest('hex').slice(0, 8);
}
