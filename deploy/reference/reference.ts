/**
 * Tables of the README files, made from the code: settings of each part, topics, metrics, detectors. A test compares them with
 * what stands in the files; `npm run reference` writes them there.
 */
import type { Registry } from '../../runtime/process/metrics.js';
import { flagOf, formatDefault, type OptionTable, variablesOf } from '../../runtime/process/options.js';
import { TOPICS } from '../../schemas/topics.js';

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

export function settingsTable(table: OptionTable): string {
  return markdownTable(
    ['flag', 'environment', 'default', 'what'],
    Object.entries(table).map(([key, definition]) => {
      const standard = definition.secret ? '' : formatDefault(definition);
      const choices =
        definition.kind === 'string' && definition.choices ? `; one of ${definition.choices.join(', ')}` : '';
      return [
        `\`${flagOf(key)}\``,
        variablesOf(definition)
          .map((variable) => `\`${variable}\``)
          .join(' or '),
        standard === '' || definition.defaultText !== undefined ? standard : `\`${standard}\``,
        `${definition.help}${choices}`,
      ];
    }),
  );
}

export function topicsTable(): string {
  return markdownTable(
    ['topic', 'key', 'value', 'kept'],
    Object.values(TOPICS).map(({ name, key, value, config }) => [
      `\`${name}\``,
      key,
      value,
      'retention.ms' in config ? `${Number(config['retention.ms']) / 3_600_000} h` : 'compacted',
    ]),
  );
}

export interface ProductMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** The product's own metrics of a registry, by name; those of Node and the process are prom-client's. */
export function productMetrics(registry: Registry): ProductMetric[] {
  // prom-client's types leave out what its metrics do have.
  const all = registry.getMetricsAsArray() as unknown as (Omit<ProductMetric, 'labels'> & { labelNames: string[] })[];
  return all
    .filter(({ name }) => name.startsWith('nta_'))
    .map(({ name, type, help, labelNames }) => ({ name, type, help, labels: labelNames }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function metricsTable(registry: Registry): string {
  return markdownTable(
    ['metric', 'type', 'labels', 'what'],
    productMetrics(registry).map(({ name, type, help, labels }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]),
  );
}

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->` by the given text. @throws Error when a marker is missing. */
export function fillSections(document: string, sections: Readonly<Record<string, string>>): string {
  let filled = document;
  for (const [name, text] of Object.entries(sections)) {
    const begin = `<!-- ${name} -->`;
    const end = `<!-- /${name} -->`;
    const from = filled.indexOf(begin);
    const to = filled.indexOf(end);
    if (from < 0 || to < from) throw new Error(`the document has no section ${begin} … ${end}`);
    filled = `${filled.slice(0, from + begin.length)}\n\n${text}\n\n${filled.slice(to)}`;
  }
  return filled;
}
