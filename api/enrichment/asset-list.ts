/**
 * Names of hosts and networks from a CSV file (`--assets`) with a header:
 *
 *     address,name,site
 *     10.0.0.5,printer-2,
 *     10.2.0.0/16,warehouse,branch-7
 *
 * An empty site is any. Of several that hold an address the narrowest network is taken, and of these that of the site.
 */
import { parse } from 'csv-parse/sync';
import { messageOf } from '../../runtime/process/failure.js';
import { networkAddress, parseAddress } from '../../schemas/tables/address-match.js';

const ROWS_MAX = 200_000;
const NAME_MAX = 200;
const COLUMNS = ['address', 'name', 'site'] as const;

/** By site; the empty one is any. */
type Names = Map<string, string>;

export class AssetList {
  /** Names by network, by the bits of the prefix; IPv6 after IPv4, each from the narrowest. */
  private readonly prefixes: { readonly bits: 32 | 128; readonly prefix: number; readonly names: Map<string, Names> }[];

  private constructor(byPrefix: ReadonlyMap<string, { bits: 32 | 128; prefix: number; names: Map<string, Names> }>) {
    this.prefixes = [...byPrefix.values()].sort((a, b) => b.prefix - a.prefix);
  }

  static readonly none = new AssetList(new Map());

  /** @throws Error with every line that is wrong, at most ten. */
  static parse(text: string): AssetList {
    const rows = readRows(text);
    const byPrefix = new Map<string, { bits: 32 | 128; prefix: number; names: Map<string, Names> }>();
    const wrong: string[] = [];
    for (const [index, { address = '', name = '', site = '' }] of rows.entries()) {
      try {
        if (name === '' || name.length > NAME_MAX) throw new Error(`name: must have 1 to ${NAME_MAX} characters`);
        const match = parseAddress(address);
        const key = `${match.bits} ${match.prefix}`;
        const group = byPrefix.get(key) ?? { bits: match.bits, prefix: match.prefix, names: new Map<string, Names>() };
        byPrefix.set(key, group);
        const network = networkAddress(match.text, match.bits, match.prefix).toString();
        const names = group.names.get(network) ?? new Map<string, string>();
        group.names.set(network, names);
        names.set(site, name);
      } catch (error) {
        if (wrong.length < 10) wrong.push(`line ${index + 2}: ${messageOf(error)}`);
      }
    }
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return new AssetList(byPrefix);
  }

  /** @param site null where it is not known: a name of one site alone is taken then. */
  find(address: string, site: string | null): string | null {
    const bits = address.includes(':') ? 128 : 32;
    for (const group of this.prefixes) {
      if (group.bits !== bits) continue;
      const names = group.names.get(networkAddress(address, bits, group.prefix).toString());
      if (names === undefined) continue;
      const only = names.size === 1 ? names.values().next().value : undefined;
      const name = (site === null ? only : names.get(site)) ?? names.get('');
      if (name !== undefined) return name;
    }
    return null;
  }
}

function readRows(text: string): Partial<Record<(typeof COLUMNS)[number], string>>[] {
  const rows = parse(text, {
    bom: true,
    trim: true,
    skip_empty_lines: true,
    comment: '#',
    to: ROWS_MAX + 1,
    relax_column_count_less: true,
    columns: (header: string[]) => {
      const unknown = header.filter((column) => !(COLUMNS as readonly string[]).includes(column));
      if (unknown.length > 0 || !header.includes('address') || !header.includes('name')) {
        throw new Error(`the first line must name the columns address, name and, if there are sites, site`);
      }
      return header;
    },
  }) as Partial<Record<(typeof COLUMNS)[number], string>>[];
  if (rows.length > ROWS_MAX) throw new Error(`it has more than ${ROWS_MAX} lines`);
  return rows;
}
