/**
 * What is known of addresses beside traffic: names of assets, country and autonomous system, who made a card, and on request the name
 * that the DNS has. All of it is looked up when an answer is made, in memory but for the last, and bounded.
 */
import { readFileSync, statSync } from 'node:fs';
import { z } from '@hono/zod-openapi';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { type WatchedFiles, watchFiles } from '../../runtime/process/watched-files.js';
import { invalidInput } from '../http/problem.js';
import type { ApiSettings } from '../settings.js';
import { AssetList } from './asset-list.js';
import { GeoDatabase } from './geo-database.js';
import { vendorOf } from './mac-vendors.js';
import { ADDRESSES_MAX, ReverseNames } from './reverse-names.js';

export const enrichmentSchema = z
  .object({
    asset: z.string().optional().openapi({ description: 'Name of the host or its network, of --assets.' }),
    country: z.string().optional().openapi({ description: 'ISO 3166-1, of --geoip-database.', example: 'SE' }),
    asn: z.int().optional().openapi({ description: 'Number of its autonomous system.', example: 64500 }),
    organisation: z.string().optional().openapi({ description: 'Who runs the autonomous system.' }),
    vendor: z.string().optional().openapi({ description: 'Who made the card, by the MAC.' }),
    reverse_dns: z.string().optional().openapi({ description: 'Name by the DNS, where it was asked for.' }),
  })
  .openapi('Enrichment', { description: 'What is known of an address beside traffic; empty where nothing is.' });
export type Enrichment = z.infer<typeof enrichmentSchema>;

export const reverseDnsSchema = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((text) => text === 'true' || text === '1')
  .optional()
  .openapi({
    param: {
      description: `Ask the DNS for names of up to ${ADDRESSES_MAX} addresses of the answer, which takes up to two seconds; where --reverse-dns allows it.`,
    },
    type: 'boolean',
  });

const ASSETS_BYTES_MAX = 64 << 20;
const REMEMBERED_MAX = 20_000;
/** Files that change are read when they have been still for so long. */
const SETTLE_MS = 500;

export type EnrichmentSettings = Pick<ApiSettings, 'assets' | 'geoipDatabase' | 'reverseDns' | 'dnsServer'>;

/** Names by the DNS that a request asked for. */
export type ReverseDns = ReadonlyMap<string, string>;
const NOTHING_ASKED: ReverseDns = new Map();

export class Enricher {
  private assets = AssetList.none;
  private geo = GeoDatabase.none;
  private watched: WatchedFiles | undefined;
  private readonly reverse: ReverseNames | null;
  private readonly remembered = new Map<string, Enrichment>();

  constructor(
    private readonly settings: EnrichmentSettings,
    private readonly log: Logger,
  ) {
    this.reverse = settings.reverseDns ? new ReverseNames(settings.dnsServer) : null;
  }

  /** @throws Failure `CONFIGURATION` for a file that cannot be read. */
  async start(): Promise<void> {
    await this.read();
    const files = [...this.settings.geoipDatabase, ...(this.settings.assets === '' ? [] : [this.settings.assets])];
    if (files.length > 0) this.watched = await watchFiles(files, SETTLE_MS, () => void this.readAgain());
  }

  async stop(): Promise<void> {
    await this.watched?.close();
  }

  /** What is in memory of an address; of one without, what its MAC says. */
  describe(address: string | null, site: string | null, names = NOTHING_ASKED, mac: string | null = null): Enrichment {
    const vendor = mac === null ? null : vendorOf(mac);
    const known = address === null ? {} : this.known(address, site);
    const reverse = address === null ? undefined : names.get(address);
    return {
      ...known,
      ...(vendor === null ? {} : { vendor }),
      ...(reverse === undefined ? {} : { reverse_dns: reverse }),
    };
  }

  /**
   * Names by the DNS, where a request asks for them.
   *
   * @throws ApiProblem 400 where the server does not allow it.
   */
  async namesByDns(asked: boolean | undefined, addresses: () => readonly (string | null)[]): Promise<ReverseDns> {
    if (asked !== true) return NOTHING_ASKED;
    if (this.reverse === null) {
      throw invalidInput([
        { input: 'reverse_dns', reason: 'is not allowed by this server; start it with --reverse-dns' },
      ]);
    }
    return this.reverse.find(addresses().filter((address) => address !== null));
  }

  private known(address: string, site: string | null): Enrichment {
    const key = `${site ?? '?'} ${address}`;
    const remembered = this.remembered.get(key);
    if (remembered !== undefined) return remembered;
    const asset = this.assets.find(address, site);
    const found: Enrichment = { ...(asset === null ? {} : { asset }), ...this.geo.find(address) };
    this.remembered.set(key, found);
    if (this.remembered.size > REMEMBERED_MAX) this.remembered.delete(this.remembered.keys().next().value!);
    return found;
  }

  private async read(): Promise<void> {
    const { assets, geoipDatabase } = this.settings;
    const geo = await GeoDatabase.open(geoipDatabase);
    this.assets = assets === '' ? AssetList.none : readAssets(assets);
    this.geo = geo;
    this.remembered.clear();
  }

  private async readAgain(): Promise<void> {
    try {
      await this.read();
      this.log.info('names of assets and places were read again');
    } catch (error) {
      this.log.error(`names of assets and places stay as they are: ${messageOf(error)}`);
    }
  }
}

/** @throws Failure `CONFIGURATION` for a file that cannot be read. */
export async function checkEnrichment({ assets, geoipDatabase }: EnrichmentSettings): Promise<void> {
  await GeoDatabase.open(geoipDatabase);
  if (assets !== '') readAssets(assets);
}

function readAssets(file: string): AssetList {
  try {
    if (statSync(file).size > ASSETS_BYTES_MAX) throw new Error('it has more than 64 MB');
    return AssetList.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Failure(
      'CONFIGURATION',
      `--assets: ${file} cannot be used: ${messageOf(error)}; give a CSV file with the columns address,name,site`,
      { cause: error },
    );
  }
}
