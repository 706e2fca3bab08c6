/** The search language: what texts mean, and where what is wrong is wrong. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAlertSearch } from '../../../schemas/tables/alert-search.js';
import { Refusal } from '../../../schemas/tables/field-values.js';
import { readPacketSearch } from '../../../schemas/tables/packet-search.js';
import { readSearch, SearchError, type SearchTable } from '../../../schemas/tables/search-language.js';

const NUMBERS: Readonly<Record<string, number>> = { port: 65_535 };
/** Conditions as texts in one form. */
const TABLE: SearchTable<string> = {
  what: 'packets',
  names: { source: 'source', source_ip: 'source', port: 'port', dns_name: 'dns_name', protocol: 'protocol' },
  parse: (field, values) => {
    if (values.includes('bad')) throw new Refusal('"bad" is bad');
    return `${field}=${values.join('|')}`;
  },
  maximumOf: (field) => NUMBERS[field] ?? null,
  fieldOf: (value) => (/^[\d.:/]+$/.test(value) ? 'host' : value === 'tcp' ? 'protocol' : null),
  exampleOf: () => '443',
  allOf: (conditions) => `(${conditions.join(' & ')})`,
  anyOf: (conditions) => `(${conditions.join(' / ')})`,
  not: (condition) => `-${condition}`,
};

test.each([
  ['port 443', 'port=443'],
  ['port=443', 'port=443'],
  ['port = 22,443', 'port=22|443'],
  ['port 22, 443', 'port=22|443'],
  ['PORT 443 AND TCP', '(port=443 & protocol=TCP)'],
  ['tcp port 443', '(protocol=tcp & port=443)'],
  ['10.0.0.0/8', 'host=10.0.0.0/8'],
  ['::1', 'host=::1'],
  ['src 10.0.0.1 dst_x or port 1', null],
  ['src 10.0.0.1 port 1 or port 2', '((source=10.0.0.1 & port=1) / port=2)'],
  ['port 1 or port 2 and port 3', '(port=1 / (port=2 & port=3))'],
  ['(port 1 or port 2) and port 3', '((port=1 / port=2) & port=3)'],
  ['not port 1', '-port=1'],
  ['not not port 1', '--port=1'],
  ['not (port 1 and tcp)', '-(port=1 & protocol=tcp)'],
  ['port != 1', '-port=1'],
  ['dns.name ~ "*.example.org"', 'dns_name=*.example.org'],
  ['dns.name !~ *.example.org', '-dns_name=*.example.org'],
  [String.raw`dns_name "a \"b\" \\ c"`, String.raw`dns_name=a "b" \ c`],
  ['dns_name "and"', 'dns_name=and'],
  ['port >= 1024', 'port=1024-65535'],
  ['port > 1024', 'port=1025-65535'],
  ['port < 1024', 'port=0-1023'],
  ['port <= 1024', 'port=0-1024'],
  ['port 1-1024', 'port=1-1024'],
  ['source_ip 10.0.0.1', 'source=10.0.0.1'],
])('%s', (text, expected) => {
  if (expected === null) expect(() => readSearch(text, { ...TABLE, fieldOf: () => null })).toThrow(SearchError);
  else expect(readSearch(text, { ...TABLE, fieldOf: (value) => TABLE.fieldOf(value.toLowerCase()) })).toBe(expected);
});

describe('what is wrong is named with its place', () => {
  test.each([
    ['', 0, 'a condition is missing here'],
    ['   ', 3, 'a condition is missing here'],
    ['port 1 and', 10, 'a condition is missing here'],
    ['port 1 or or port 2', 10, 'a condition is missing here'],
    ['(port 1', 7, 'a ) is missing here'],
    ['port 1)', 6, '")" closes nothing'],
    ['port', 0, 'port: a value is missing here, such as port 443'],
    ['port =', 6, 'port: a value is missing here'],
    ['port 1,', 7, 'port: a value is missing here'],
    ['tcp and prot 443', 8, '"prot" is no field, address or protocol; did you mean protocol?'],
    ['prot = 443', 0, 'packets have no field "prot"; did you mean protocol?'],
    ['zzzzzzzz = 1', 0, 'packets have no field "zzzzzzzz"; known are source, port, dns_name, protocol'],
    ['tcp and port bad', 13, 'port: "bad" is bad'],
    ['dns_name > 3', 0, 'dns_name is no number, which > asks for'],
    ['port > x', 7, '> takes one whole number'],
    ['port > 65535', 7, 'no port is > 65535'],
    ['= 3', 0, 'a field is missing in front of "="'],
    ['dns_name "abc', 9, 'a text that begins here does not end'],
    ['port 1 ! port 2', 7, '"!" is no field'],
  ])('%s', (text, at, reason) => {
    const read = () => readSearch(text, TABLE);
    expect(read).toThrow(SearchError);
    expect(read).toThrow(expect.objectContaining({ at, message: expect.stringContaining(reason) }));
  });

  test('bounds, whatever the text', () => {
    for (const text of ['('.repeat(2_000), 'not '.repeat(500), `port ${'1'.repeat(2_000)}`]) {
      expect(() => readSearch(text, TABLE)).toThrow(SearchError);
    }
    expect(() => readSearch('1 '.repeat(201), TABLE)).toThrow(/more than 200 conditions/);
  });

  test('no text but is read or refused', () => {
    const word = fc.constantFrom(
      'port',
      '443',
      'and',
      'or',
      'not',
      '(',
      ')',
      '"',
      '\\',
      ',',
      '!=',
      '~',
      '<',
      ' ',
      'tcp',
      '!',
      '::1',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), fc.string(), (words, rest) => {
        for (const read of [readPacketSearch, readAlertSearch]) {
          const text = `${words.join(' ')}${rest}`;
          try {
            read(text);
          } catch (error) {
            expect(error).toBeInstanceOf(SearchError);
            const { at, length } = error as SearchError;
            expect(at).toBeGreaterThanOrEqual(0);
            expect(at).toBeLessThanOrEqual(text.length);
            expect(length).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
