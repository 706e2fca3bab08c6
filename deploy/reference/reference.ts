/**
 * The README's tables, made from the code: settings of each part, topics, metrics, detectors. A test compares them with
 * what stands in the README; `npm run reference` writes them there.
 */
import type { Registry } from '../../runtime/metrics.js';
import { flagOf, formatDefault, type OptionTable } from '../../runtime/options.js';
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
        definition.env === null ? '' : `\`${definition.env}\``,
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

/** The product's own metrics of a registry; those of Node and the process are prom-client's. */
export async function metricsTable(registry: Registry): Promise<string> {
  const metrics = (await registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith('nta_'));
  return markdownTable(
    ['metric', 'type', 'what'],
    metrics
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, type, help }) => [`\`${name}\``, String(type), help]),
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
    if (from < 0 || to < from) throw new Error(`README.md has no section ${begin} … ${end}`);
    filled = `${filled.slice(0, from + begin.length)}\n\n${text}\n\n${filled.slice(to)}`;
  }
  return filled;
}
