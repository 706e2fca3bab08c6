/** Where lists come from: files, and addresses that are asked again with their ETag. What could not be read again stays as it was. */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { isUrl } from './list-origin.js';
import { parseThreatList, type ThreatList, ThreatLists } from './threat-list.js';

const BYTES_MAX = 64 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 30_000;

interface Kept {
  readonly text: string;
  readonly etag: string | null;
  readonly list: ThreatList;
}

export class ListSource {
  private readonly kept = new Map<string, Kept>();

  /**
   * Reads all of them; an address that does not answer gives what it gave before.
   *
   * @param onStale told of a list that stays as it was, and why
   * @throws Failure `THREAT_INTEL` for what is refused, and for what cannot be read the first time
   */
  async read(origins: readonly string[], onStale: (reason: string) => void = () => undefined): Promise<ThreatLists> {
    const lists: ThreatList[] = [];
    const refusals: string[] = [];
    for (const origin of origins) {
      try {
        lists.push(await this.readOne(origin, onStale));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        refusals.push(error.message);
      }
    }
    if (refusals.length > 0) throw new Failure('THREAT_INTEL', refusals.join('\n'));
    return new ThreatLists(lists);
  }

  private async readOne(origin: string, onStale: (reason: string) => void): Promise<ThreatList> {
    const before = this.kept.get(origin);
    let fetched: { text: string; etag: string | null } | null;
    try {
      fetched = isUrl(origin)
        ? await fetchText(origin, before?.etag ?? null)
        : { text: await readText(origin), etag: null };
    } catch (error) {
      const reason = `--threat-intel ${origin}: cannot be read: ${messageOf(error)}`;
      if (before === undefined || !isUrl(origin)) throw new Failure('THREAT_INTEL', reason, { cause: error });
      onStale(reason);
      return before.list;
    }
    if (before !== undefined && (fetched === null || fetched.text === before.text)) return before.list;
    const { text, etag } = fetched!;
    const list = parseThreatList(nameOf(origin), origin, text);
    this.kept.set(origin, { text, etag, list });
    return list;
  }
}

/** The last part of a path, which people know it by. */
function nameOf(origin: string): string {
  if (!isUrl(origin)) return basename(origin);
  const { host, pathname } = new URL(origin);
  const last = pathname
    .split('/')
    .filter((part) => part !== '')
    .at(-1);
  return last === undefined ? host : `${host}/${last}`;
}

async function readText(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > BYTES_MAX) throw new Error(`${size} bytes, more than ${BYTES_MAX}`);
  return readFile(file, 'utf8');
}

/** Null when it is as it was. */
async function fetchText(url: string, etag: string | null): Promise<{ text: string; etag: string | null } | null> {
  const response = await fetch(url, {
    headers: etag === null ? {} : { 'if-none-match': etag },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (response.status === 304) return null;
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > BYTES_MAX) throw new Error(`more than ${BYTES_MAX} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return { text: Buffer.concat(chunks).toString('utf8'), etag: response.headers.get('etag') };
}
