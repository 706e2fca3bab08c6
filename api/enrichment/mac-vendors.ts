/** Who made a network card, by the first half of its MAC, from the registry of the IEEE as oui-data carries it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

let vendors: ReadonlyMap<string, string> | undefined;

/** Read when it is first asked for. */
function registry(): ReadonlyMap<string, string> {
  if (vendors !== undefined) return vendors;
  const file = createRequire(import.meta.url).resolve('oui-data');
  const entries = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>);
  // The organisation stands in the first line, its address in the others.
  vendors = new Map(entries.map(([prefix, text]) => [prefix.toLowerCase(), text.split('\n', 1)[0]!]));
  return vendors;
}

/** Null where nobody registered it, as for addresses that a system made up itself. */
export function vendorOf(mac: string): string | null {
  const prefix = mac.replaceAll(/[:-]/g, '').slice(0, 6).toLowerCase();
  const isLocal = (Number.parseInt(prefix.slice(0, 2), 16) & 2) !== 0;
  return isLocal ? null : (registry().get(prefix) ?? null);
}
