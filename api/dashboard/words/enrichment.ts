/** What is known of an address beside its traffic, in a few words. */
import type { Enrichment } from '../../enrichment/enricher.js';

/** "printer-2 · SE · AS64500 Example Networks"; the empty string where nothing is known. */
export function enrichmentWords({ asset, country, asn, organisation, vendor, reverse_dns: byDns }: Enrichment): string {
  const system = [asn === undefined ? '' : `AS${asn}`, organisation ?? ''].filter((word) => word !== '').join(' ');
  return [asset, byDns, country, system, vendor].filter((word) => word !== undefined && word !== '').join(' · ');
}
