/** Country and autonomous system of addresses, from files in MaxMind's format (`--geoip-database`): of GeoLite2, DB-IP, IPinfo and others. */
import maxmind, { type Reader, type Response } from 'maxmind';
import { Failure, messageOf } from '../../runtime/process/failure.js';

export interface Place {
  /** ISO 3166-1. */
  readonly country?: string;
  readonly asn?: number;
  readonly organisation?: string;
}

/** As the files of several houses have it. */
interface GeoRecord {
  readonly country?: { readonly iso_code?: unknown } | string;
  readonly country_code?: unknown;
  readonly autonomous_system_number?: unknown;
  readonly autonomous_system_organization?: unknown;
  readonly asn?: unknown;
  readonly as_name?: unknown;
}

const CACHED_MAX = 10_000;

export class GeoDatabase {
  private constructor(private readonly readers: readonly Reader<Response>[]) {}

  static readonly none = new GeoDatabase([]);

  /** @throws Failure `CONFIGURATION` */
  static async open(files: readonly string[]): Promise<GeoDatabase> {
    const readers = files.map(async (file) => {
      try {
        return await maxmind.open<Response>(file, { cache: { max: CACHED_MAX } });
      } catch (error) {
        throw new Failure(
          'CONFIGURATION',
          `--geoip-database: ${file} cannot be read: ${messageOf(error)}; give a file in MaxMind’s format (.mmdb), unpacked`,
          { cause: error },
        );
      }
    });
    return new GeoDatabase(await Promise.all(readers));
  }

  /** What the files say together; the first that says something is heard. */
  find(address: string): Place {
    const place: { country?: string; asn?: number; organisation?: string } = {};
    for (const reader of this.readers) {
      const record = readerGet(reader, address);
      if (record === null) continue;
      const { country } = record;
      const code = typeof country === 'object' ? country.iso_code : (country ?? record.country_code);
      if (typeof code === 'string') place.country ??= code;
      const asn = asNumber(record.autonomous_system_number ?? record.asn);
      if (asn !== null) place.asn ??= asn;
      const organisation = record.autonomous_system_organization ?? record.as_name;
      if (typeof organisation === 'string') place.organisation ??= organisation;
    }
    return place;
  }
}

/** A file for IPv4 alone knows no IPv6. */
function readerGet(reader: Reader<Response>, address: string): GeoRecord | null {
  try {
    const record: unknown = reader.get(address);
    return typeof record === 'object' && record !== null ? (record as GeoRecord) : null;
  } catch {
    return null;
  }
}

/** 64500 or "AS64500". */
function asNumber(value: unknown): number | null {
  const number = typeof value === 'string' ? Number(value.replace(/^AS/i, '')) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : null;
}
