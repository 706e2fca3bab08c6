/** Lists of threats, ready to be asked by conversations: which of them names an address, a name or a fingerprint. */
import { createHash } from 'node:crypto';
import { Failure } from '../../runtime/process/failure.js';
import type { ListedThreat, ThreatLookup } from '../detectors/threat-intel.js';
import type { Indicator } from './indicator.js';
import { readList } from './list-formats.js';
import { type Network, PrefixTable } from './prefix-table.js';

/** Indicators of one list. A hundred bytes each. */
const INDICATORS_MAX = 2_000_000;
/** Characters of a digest that say which version it is. */
const DIGEST_LENGTH = 16;

export interface ThreatList {
  readonly name: string;
  /** By its contents: the same text has the same version, wherever it came from. */
  readonly version: string;
  readonly indicators: readonly Indicator[];
  readonly leftOut: number;
}

/**
 * @param origin as it was given, for messages
 * @throws Failure `THREAT_INTEL` with every line that is refused
 */
export function parseThreatList(name: string, origin: string, text: string, nowMs = Date.now()): ThreatList {
  const { indicators, leftOut, refusals } = readList(text, nowMs);
  if (refusals.length > 0)
    throw new Failure('THREAT_INTEL', refusals.map((refusal) => `--threat-intel ${origin}: ${refusal}`).join('\n'));
  if (indicators.length === 0)
    throw new Failure(
      'THREAT_INTEL',
      `--threat-intel ${origin}: no address, network, domain or JA4 fingerprint in it; it takes one a line, CSV, STIX 2.1 and MISP`,
    );
  if (indicators.length > INDICATORS_MAX)
    throw new Failure(
      'THREAT_INTEL',
      `--threat-intel ${origin}: ${indicators.length} indicators, more than ${INDICATORS_MAX}; split the list or take a shorter one`,
    );
  const version = createHash('sha256').update(text).digest('hex').slice(0, DIGEST_LENGTH);
  return { name, version, indicators, leftOut };
}

/** All lists together. Where several name the same, the first that was given speaks. */
export class ThreatLists implements ThreatLookup {
  private readonly networks: PrefixTable<ListedThreat>;
  private readonly domains = new Map<string, ListedThreat>();
  private readonly ja4 = new Map<string, ListedThreat>();
  readonly isEmpty: boolean;

  constructor(readonly lists: readonly ThreatList[]) {
    const networks = new Map<string, Network<ListedThreat>>();
    for (const { name, version, indicators } of lists) {
      for (const indicator of indicators) {
        const threat = { list: name, version, kind: indicator.kind, indicator: indicator.text };
        if (indicator.kind === 'network') {
          const key = `${Buffer.from(indicator.bytes).toString('latin1')}/${indicator.bits}`;
          if (!networks.has(key)) networks.set(key, { bytes: indicator.bytes, bits: indicator.bits, value: threat });
        } else {
          const own = indicator.kind === 'domain' ? this.domains : this.ja4;
          if (!own.has(indicator.text)) own.set(indicator.text, threat);
        }
      }
    }
    this.networks = new PrefixTable([...networks.values()]);
    this.isEmpty = lists.length === 0;
  }

  /** By which rules with other lists are told apart: `name@version` of each. */
  get versions(): readonly string[] {
    return this.lists.map(({ name, version }) => `${name}@${version}`);
  }

  address(slots: Uint8Array, at: number): ListedThreat | undefined {
    return this.networks.findSlot(slots, at);
  }

  /** The name itself, or a domain that it is below. */
  name(name: string | undefined): ListedThreat | undefined {
    if (this.domains.size === 0) return undefined;
    for (let rest = name?.toLowerCase().replace(/\.$/, '') ?? ''; rest !== ''; ) {
      const found = this.domains.get(rest);
      if (found !== undefined) return found;
      const dot = rest.indexOf('.');
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    return undefined;
  }

  fingerprint(ja4: string | undefined): ListedThreat | undefined {
    return ja4 === undefined ? undefined : this.ja4.get(ja4);
  }
}
