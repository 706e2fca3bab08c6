/** Words of the dashboard: numbers, times with daylight saving, completion of searches, searches that lead on. */
import { describe, expect, it } from 'vitest';
import {
  around,
  rangeParameters,
  rangeWords,
  readLast,
  readScope,
  timeQuery,
} from '../../../api/dashboard/data/scope.js';
import { isIpAddress } from '../../../api/dashboard/words/addresses.js';
import { complete, fieldsOf, quoted } from '../../../api/dashboard/words/completion.js';
import { historyWords } from '../../../api/dashboard/words/conversations.js';
import { draftOf, emptyProposal, exceptionParts, requestOf } from '../../../api/dashboard/words/exceptions.js';
import { formatAge, formatBytes, formatDuration, formatShare } from '../../../api/dashboard/words/numbers.js';
import { packetsOfConversation } from '../../../api/dashboard/words/packet-search.js';
import { foreignField } from '../../../api/dashboard/words/search-fields.js';
import { marksOf } from '../../../api/dashboard/words/timeline.js';
import { browserZone, createTimeWords } from '../../../api/dashboard/words/times.js';
import type { Conversation } from '../../../api/views/conversation-view.js';
import { readPacketSearch } from '../../../schemas/tables/packet-search.js';

it('sizes are by powers of ten, shares and durations as they are spoken of', () => {
  expect([0, 999, 1000, 1_500_000, 12_345_678_901].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1 kB',
    '1.5 MB',
    '12.3 GB',
  ]);
  expect([formatShare(1, 3000), formatShare(1, 3), formatShare(0, 0)]).toEqual(['< 0.1 %', '33 %', '0 %']);
  expect([0.0004, 12.34, 60, 250, 7_500, 86_400, 200_000].map(formatDuration)).toEqual([
    '0.4 ms',
    '12.3 s',
    '1 min',
    '4 min 10 s',
    '2 h 5 min',
    '1 d',
    '2 d 7 h',
  ]);
  expect([500, 200_000, 10_000_000].map(formatAge)).toEqual(['1 s', '3 min', '3 h']);
});

it('an IP address is told from what else a party is known by', () => {
  expect(['192.0.2.7', '2001:db8::7', '::ffff:192.0.2.7', '::'].filter(isIpAddress)).toHaveLength(4);
  expect(['02:00:5e:00:53:01', 'printer.example', 'cafe', 'unknown', ''].filter(isIpAddress)).toEqual([]);
});

it('times keep their microseconds, and an input of UTC is read back as it was', () => {
  const utc = createTimeWords('utc');
  expect(utc.micros('2024-07-01T10:00:00.123456Z')).toBe('2024-07-01 10:00:00.123456');
  expect(utc.fromInput(utc.input('2024-12-01T10:00:00Z'))).toBe('2024-12-01T10:00:00.000Z');
  expect(utc.fromInput('')).toBeNull();
});

describe('the time of an address', () => {
  const read = (search: string) => readScope(new URLSearchParams(search)).range;

  it('is so long until now, between two times, everything, or left open', () => {
    expect(timeQuery(read('range=90m'))).toEqual({ hours: 1.5 });
    expect(timeQuery(read('from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z'))).toEqual({
      from: '2026-01-01T00:00:00Z',
      to: '2026-01-02T00:00:00Z',
    });
    expect([
      read('range=all').kind,
      read('').kind,
      read('range=nonsense').kind,
      read('from=2026-01-02&to=2026-01-01').kind,
    ]).toEqual(['all', 'auto', 'auto', 'auto']);
    expect([readLast('0h'), readLast('99999d'), readLast('1w')]).toEqual([null, null, null]);
  });

  it('is written as it is read', () => {
    for (const search of ['range=6h', 'range=all', 'from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z']) {
      const written = Object.entries(rangeParameters(read(search))).filter(([, value]) => value !== '');
      expect(new URLSearchParams(written).toString()).toBe(new URLSearchParams(search).toString());
    }
    expect(rangeWords(read('range=7d'))).toBe('in the last 7 days');
    expect(around('2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z')).toMatchObject({ from: '2026-01-01T00:00:00.000Z' });
  });
});

describe('completion of a search', () => {
  const field = (name: string, ...words: string[]) => ({ name, words, description: `${name}. More.`, example: '' });
  const fields = fieldsOf({
    packets: [field('source', 'src'), field('protocol', 'proto'), field('capture_node', 'node')],
    conversations: [field('source'), field('service')],
    alerts: [field('severity')],
  });
  const texts = (text: string, cursor = text.length, nodes: string[] = []): string[] =>
    complete(text, cursor, fields, nodes).suggestions.map((suggestion) => suggestion.text);

  it('offers fields of all tables once, and values after a field', () => {
    expect(texts('s')).toEqual(['source', 'src', 'service', 'severity']);
    expect(texts('src 10.0.0.1 and (proto t')).toEqual(['tcp', 'tls']);
    expect(texts('severity high,lo')).toEqual(['high,low']);
    expect(texts('node ', 5, ['edge-1', 'edge two'])).toEqual(['edge-1', '"edge two"']);
    expect(texts('port 443 ')).toEqual([]);
  });

  it('takes the place of the word at the cursor', () => {
    expect(complete('not sev and x', 7, fields)).toMatchObject({ start: 4, end: 7 });
    expect(quoted('a "b"')).toBe('"a \\"b\\""');
  });
});

it('a conversation leads to a search that the API takes', () => {
  const conversation = {
    originator: '2001:db8::1',
    originator_port: 50_000,
    responder: '2001:db8::2',
    responder_port: 443,
    protocol: 'tcp',
    ip_protocol: 6,
  } as Conversation;
  for (const changes of [{}, { protocol: 'icmp', ip_protocol: 1, originator: '10.0.0.1', responder: '10.0.0.2' }]) {
    expect(() => readPacketSearch(packetsOfConversation({ ...conversation, ...changes }))).not.toThrow();
  }
  expect(historyWords('ShR^')).toBe('originator: SYN, responder: SYN-ACK, originator: RST, direction turned round');
});

describe('the course of an alert', () => {
  const event = (action: string, second: number, actor: string | null = null) => ({
    action,
    actor,
    occurred_at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  });
  const of = (...history: ReturnType<typeof event>[]) =>
    marksOf({ first_seen: '2026-01-01T00:00:00Z', last_seen: '2026-01-01T00:00:50Z', history } as never);

  it('has its marks between what was first and what was last', () => {
    const { marks, seen } = of(event('open', 10), event('close', 100), event('resolve', 200, 'ada'));
    expect(marks.map(({ place }) => place)).toEqual([0.05, 0.5, 1]);
    expect(seen).toEqual({ start: 0, end: 0.25 });
  });

  it('ends with what was seen where people came much later, as of a replay', () => {
    const { marks, seen } = of(event('open', 10), event('resolve', 1_000_000, 'ada'));
    expect([marks[1]!.place, seen.end]).toEqual([1, 1]);
  });
});

it('UTC is called so by whatever name the browser has for it', () => {
  const names = ['UTC', 'Etc/UTC', 'Etc/Unknown', 'GMT', 'Europe/London', 'Etc/GMT+1'];
  expect(names.map((name) => browserZone(name))).toEqual(['UTC', 'UTC', 'UTC', 'UTC', 'Europe/London', 'Etc/GMT+1']);
});

describe('an exception', () => {
  const times = createTimeWords('utc');
  const proposal = {
    rules: ['brute-force'],
    sources: ['192.0.2.9'],
    ports: [22],
    expires_at: '2026-03-31T13:00:00.000Z',
    note: '',
  };

  it('is asked for as it was proposed when nothing is changed', () => {
    const draft = draftOf(proposal, times, 'Europe/Berlin');
    expect(draft).toMatchObject({ rules: 'brute-force', ports: '22', zone: 'Europe/Berlin', from: '', sites: '' });
    expect(requestOf({ ...draft, note: ' ours ' }, times)).toEqual({ ...proposal, ports: ['22'], note: 'ours' });
  });

  it('leaves out what is empty, and sends the rest to be judged', () => {
    const draft = draftOf(emptyProposal(0), times, 'UTC');
    expect(draft.expires).toBe('1970-01-31T00:00:00');
    expect(requestOf({ ...draft, expires: '', sources: ' 10.0.0.0/8 ,, x', days: ['sat'] }, times)).toEqual({
      sources: ['10.0.0.0/8', 'x'],
      hours: { from: '', to: '', zone: 'UTC', days: ['sat'] },
      note: '',
    });
  });

  it('is told by its parts', () => {
    const hours = { from: '22:00', to: '05:00', zone: 'UTC', days: ['sun', 'mon'] };
    expect(exceptionParts({ ports: ['22', '80-90'], hours } as never)).toEqual([
      ['Ports', '22, 80-90'],
      ['Hours', 'mon, sun 22:00 to 05:00 (UTC)'],
    ]);
  });
});

it('a search that only other lists can answer is told from one that is wrong', () => {
  const field = (name: string, ...words: string[]) => ({ name, words, description: '', example: '' });
  const fields = {
    packets: [field('ttl'), field('port')],
    conversations: [field('service'), field('port')],
    alerts: [field('port', 'ports')],
  };
  const told = (search: string, at: number, length: number) =>
    foreignField(search, [{ input: 'q', at, length }], fields, 'alerts');
  expect(told('port 4 and Service ssl', 11, 7)).toEqual({ word: 'Service', known: ['conversations'] });
  expect(told('ttl 3', 0, 3)).toEqual({ word: 'ttl', known: ['packets'] });
  expect(told('servce ssl', 0, 6)).toBeNull();
  expect(told('ports x', 6, 1)).toBeNull();
  expect(foreignField('ttl 3', [], fields, 'alerts')).toBeNull();
});
