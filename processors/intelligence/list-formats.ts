/**
 * Texts of lists: one indicator a line (`#`, `;` and `//` begin a comment; a file of hosts is one, too), CSV with a header or without,
 * a bundle of STIX 2.1, events of MISP. Which it is, its contents say. What is no kind of indicator that conversations show (hashes of
 * files, addresses of mail, URLs below a host) is left out and counted; in a plain list it is a mistake.
 */
import { type Indicator, IndicatorError, readIndicator } from './indicator.js';

export interface ListContents {
  readonly indicators: readonly Indicator[];
  /** Of other kinds, expired, or of several conditions that only together mean something. */
  readonly leftOut: number;
  /** One line each, with where it stands: "line 3: 10.0.0.0/8 is private …". */
  readonly refusals: readonly string[];
}

/** More refusals than this are not all told. */
const REFUSALS_MAX = 10;
/** Names of columns that hold indicators, in the feeds of abuse.ch, OTX, MISP and others. */
const COLUMNS =
  /^(?:ip|ips|ip_?address|dst_?ip|src_?ip|first_ip|network|cidr|subnet|domain|host|hostname|fqdn|indicator|ioc|ioc_?value|value|ja4)$/i;

class Reading {
  readonly indicators: Indicator[] = [];
  leftOut = 0;
  readonly refusals: string[] = [];

  /** @param where stands in front of a refusal */
  take(text: string, where: string, isStrict: boolean): void {
    try {
      this.indicators.push(readIndicator(text));
    } catch (error) {
      if (!(error instanceof IndicatorError)) throw error;
      if (!error.isHarmful && !isStrict) this.leftOut++;
      else if (this.refusals.length < REFUSALS_MAX) this.refusals.push(`${where}: ${error.message}`);
    }
  }
}

/** @param nowMs what has expired by then is left out */
export function readList(text: string, nowMs: number): ListContents {
  const reading = new Reading();
  const trimmed = text.trimStart();
  if (trimmed.startsWith('{') || trimmed.startsWith('[{')) readJson(text, reading, nowMs);
  else if (trimmed.startsWith('<'))
    reading.refusals.push('line 1: this is a page of HTML, not a list; give the address of the list itself');
  else readLines(text, reading);
  return reading;
}

function readLines(text: string, reading: Reading): void {
  let columns: readonly number[] | null = null;
  text.split(/\r?\n/).forEach((raw, index) => {
    const where = `line ${index + 1}`;
    const line = raw.replace(/(?:^|\s)(?:#|;|\/\/).*$/, '').trim();
    if (line === '') return;
    if (!line.includes(',')) {
      const [first = '', second] = line.split(/\s+/);
      const isHosts = second !== undefined && /^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)$/.test(first);
      const own = isHosts ? second : first;
      // Of a URL its host would say too much where there is a path.
      reading.take(hostOfUrl(own) ?? own, where, !/^\w+:\/\//.test(own));
      return;
    }
    const cells = splitCsv(line);
    if (columns === null) {
      const named = cells.flatMap((cell, at) => (COLUMNS.test(cell.trim().replace(/\s+/g, '_')) ? [at] : []));
      columns = named;
      if (named.length > 0) return;
    }
    if (columns.length === 0) takeFirst(cells, where, reading);
    else
      for (const at of columns) if ((cells[at] ?? '').trim() !== '') reading.take(stripPort(cells[at]!), where, false);
  });
}

/** Without a header: the first cell that is an indicator; a harmful one refuses the list. */
function takeFirst(cells: readonly string[], where: string, reading: Reading): void {
  for (const cell of cells) {
    const before = reading.indicators.length + reading.refusals.length;
    reading.take(stripPort(cell), where, false);
    if (reading.indicators.length + reading.refusals.length > before) return;
    reading.leftOut--;
  }
  reading.leftOut++;
}

function splitCsv(line: string): string[] {
  return [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

function stripPort(text: string): string {
  return text.trim().replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
}

/** The host of a URL that names nothing below it. */
function hostOfUrl(text: string): string | undefined {
  const match = /^h(?:tt|xx)ps?:\/\/\[?([^/:\]]+)\]?(?::\d+)?\/?$/i.exec(text);
  return match?.[1];
}

interface StixObject {
  readonly type?: unknown;
  readonly id?: unknown;
  readonly pattern?: unknown;
  readonly revoked?: unknown;
  readonly valid_until?: unknown;
}
interface MispAttribute {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly to_ids?: unknown;
  readonly deleted?: unknown;
  readonly uuid?: unknown;
}
interface MispEvent {
  readonly Attribute?: readonly MispAttribute[];
  readonly Object?: readonly { readonly Attribute?: readonly MispAttribute[] }[];
}

function readJson(text: string, reading: Reading, nowMs: number): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    reading.refusals.push(`not JSON: ${(error as Error).message}`);
    return;
  }
  const { type, objects, Event, response } = value as Record<string, unknown>;
  const lineOf = lineFinder(text);
  if (type === 'bundle' && Array.isArray(objects)) {
    for (const object of objects as StixObject[]) readStix(object, reading, nowMs, lineOf);
    return;
  }
  const events = Array.isArray(value) ? value : Array.isArray(response) ? response : Event === undefined ? [] : [value];
  if (events.length === 0) {
    reading.refusals.push('line 1: JSON that is neither a bundle of STIX 2.1 nor events of MISP');
    return;
  }
  for (const item of events as { Event?: MispEvent }[]) {
    const { Attribute = [], Object: objects = [] } = item.Event ?? (item as MispEvent);
    for (const attribute of [...Attribute, ...objects.flatMap((object) => object.Attribute ?? [])])
      readMisp(attribute, reading, lineOf);
  }
}

/** Where a text stands, by looking for it: JSON.parse keeps no lines. */
function lineFinder(text: string): (needle: string) => string {
  return (needle) => {
    const at = text.indexOf(needle);
    return at < 0 ? needle : `line ${text.slice(0, at).split('\n').length}`;
  };
}

function readStix(object: StixObject, reading: Reading, nowMs: number, lineOf: (text: string) => string): void {
  if (object.type !== 'indicator' || typeof object.pattern !== 'string') return;
  const { pattern } = object;
  const isOver = typeof object.valid_until === 'string' && Date.parse(object.valid_until) < nowMs;
  if (object.revoked === true || isOver || /\bAND\b|\bFOLLOWEDBY\b|\bNOT\b|!=/.test(pattern)) {
    reading.leftOut++;
    return;
  }
  const terms = [
    ...pattern.matchAll(
      /(?:(?:ipv4-addr|ipv6-addr|domain-name):value|[\w-]+:[\w.'-]*ja4[\w.'-]*)\s*(?:=|ISSUBSET)\s*'([^']*)'/gi,
    ),
  ];
  if (terms.length === 0) reading.leftOut++;
  for (const [, text = ''] of terms) reading.take(text, lineOf(text), false);
}

const MISP_TYPES = /^(?:ip-src|ip-dst|ip-src\|port|ip-dst\|port|domain|hostname|hostname\|port|domain\|ip|ja4.*)$/;

function readMisp(attribute: MispAttribute, reading: Reading, lineOf: (text: string) => string): void {
  const { type, value } = attribute;
  if (typeof type !== 'string' || typeof value !== 'string' || !MISP_TYPES.test(type)) {
    reading.leftOut++;
    return;
  }
  // What its analysts keep as context is no indicator, and says so.
  if (attribute.to_ids === false || attribute.deleted === true) {
    reading.leftOut++;
    return;
  }
  const parts = value.split('|');
  const texts = type === 'domain|ip' ? parts : parts.slice(0, 1);
  for (const text of texts) reading.take(text, lineOf(value), false);
}
