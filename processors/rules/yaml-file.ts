/** YAML files of detection, read with the line of everything that is wrong, and what entries of theirs have in common. */
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { parseDuration } from '../../runtime/process/options.js';
import { SEVERITY_NAMES, type Severity } from '../../schemas/alerts/alert.js';

export type YamlFile =
  | {
      readonly ok: true;
      /** An empty file is an empty map. */
      readonly value: unknown;
      /** A reason with its line and field: "rules.yaml:12: rules.0.threshold: must be …". */
      readonly fault: (path: readonly PropertyKey[], reason: string) => string;
    }
  | { readonly ok: false; readonly errors: readonly string[] };

/** @param fileName stands in front of every error */
export function readYaml(text: string, fileName: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => `${fileName}:${lines.linePos(offset).line}`;
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return { ok: false, errors: faults.map((fault) => `${at(fault.pos[0])}: ${fault.message}`) };
  }
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    return { ok: false, errors: [`${fileName}: ${(error as Error).message}`] }; // an alias bomb, for one
  }
  return { ok: true, value, fault };

  function fault(path: readonly PropertyKey[], reason: string): string {
    const field = path.map(String).join('.');
    return `${at(offsetOf(path))}: ${field === '' ? reason : `${field}: ${reason}`}`;
  }

  /** Where the key of a path stands, or of the nearest one above it that is there. */
  function offsetOf(path: readonly PropertyKey[]): number {
    for (let length = path.length; length > 0; length--) {
      const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
      if (isMap(parent)) {
        const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path[length - 1]));
        if (pair && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
      }
      const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
      if (node?.range) return node.range[0];
    }
    return 0;
  }
}

/**
 * What a schema has against a file, a line each.
 *
 * @param known the keys that are known below a path
 */
export function schemaFaults(
  { issues }: z.ZodError,
  { fault }: Extract<YamlFile, { ok: true }>,
  known: (path: readonly PropertyKey[]) => readonly string[],
): readonly string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [fault(issue.path, issue.message)];
    return issue.keys.map((key) =>
      fault([...issue.path, key], `is unknown; known here: ${known(issue.path).join(', ')}`),
    );
  });
}

export const severitySchema = z.union(
  [z.literal([1, 2, 3, 4, 5]), z.literal(['informational', 'low', 'medium', 'high', 'critical'])],
  { error: 'must be 1 to 5, or informational, low, medium, high or critical' },
);

export function readSeverity(severity: z.infer<typeof severitySchema>): Severity {
  return typeof severity === 'string' ? (SEVERITY_NAMES.indexOf(severity) as Severity) : severity;
}

/** Of a length of time; a bare number is seconds. */
export function readMilliseconds(value: string | number): number | null {
  return typeof value === 'number' ? value * 1000 : parseDuration(value);
}
