/** JA4 held to what FoxIO publishes: facts of FoxIO-LLC/ja4, of its technical_details/JA4.md and of its test data. */
import { describe, expect, it } from 'vitest';
import { readClientHello } from '../../../../producers/protocols/service/client-hello.js';
import { ja4 } from '../../../../producers/protocols/service/ja4.js';
import { type ClientHelloLists, clientHelloOf } from '../../../support/application-messages.js';

/** A fingerprint, and the "raw, original order" it is made of: first part, ciphers, extensions, signature algorithms. */
const PUBLISHED: readonly (readonly [string, string])[] = [
  [
    't13d1615h2_46e7e9700bed_45f260be83e2',
    't13d1615h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035,000a_0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015_0403,0804,0401,0503,0805,0501,0806,0601,0201',
  ],
  [
    't13d1516h2_8daaf6152771_e5627efa2ab1',
    't13d1516h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_000d,0000,000a,0005,000b,002b,001b,ff01,0033,4469,002d,0023,0017,0012,0010,0015_0403,0804,0401,0503,0805,0501,0806,0601',
  ],
  [
    't10d230100_6a57a6f57151_000000000000',
    't10d230100_0039,0038,0035,0016,0013,000a,0033,0032,002f,009a,0099,0096,0005,0004,0015,0012,0009,0014,0011,0008,0006,0003,00ff_0000',
  ],
  [
    't12d4605h2_85626a9a5f7f_aaf95bb78ec9',
    't12d4605h2_c030,c02c,c028,c024,c014,c00a,009f,006b,0039,cca9,cca8,ccaa,ff85,00c4,0088,0081,009d,003d,0035,00c0,0084,c02f,c02b,c027,c023,c013,c009,009e,0067,0033,00be,0045,009c,003c,002f,00ba,0041,c011,c007,0005,0004,c012,c008,0016,000a,00ff_0000,000b,000a,000d,0010_0601,0603,efef,0501,0503,0401,0403,eeee,eded,0301,0303,0201,0203',
  ],
  [
    't12d190800_d83cc789557e_7af1ed941c26',
    't12d190800_c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f,000a_0000,0005,000a,000b,000d,0023,0017,ff01_0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603',
  ],
  [
    't13d1516h2_8daaf6152771_9b887d9acb53',
    't13d1516h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_000d,0010,0000,000b,0023,4469,ff01,0033,000a,002d,002b,0005,0017,0012,001b,0029_0403,0804,0401,0503,0805,0501,0806,0601',
  ],
  [
    't13d2613h2_2802a3db6c62_845d286b0d67',
    't13d2613h2_1301,1302,1303,c02c,c02b,c024,c023,c00a,c009,cca9,c030,c02f,c028,c027,c014,c013,cca8,009d,009c,003d,003c,0035,002f,c008,c012,000a_ff01,0000,0017,000d,0005,0012,0010,000b,0033,002d,002b,000a,0015_0403,0804,0401,0503,0203,0805,0805,0501,0806,0601,0201',
  ],
  [
    't12d1909h2_d83cc789557e_7af1ed941c26',
    't12d1909h2_c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f,000a_0000,0005,000a,000b,000d,0023,0010,0017,ff01_0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603',
  ],
  [
    't13d1516h1_8daaf6152771_e5627efa2ab1',
    't13d1516h1_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_000d,0033,0000,ff01,002b,0023,002d,0005,0012,000b,0017,4469,0010,001b,000a,0015_0403,0804,0401,0503,0805,0501,0806,0601',
  ],
  [
    't13d151400_8daaf6152771_de4a06bb82e3',
    't13d151400_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_0033,002b,001b,0000,0012,002d,000d,000a,0005,0023,0017,ff01,000b,0015_0403,0804,0401,0503,0805,0501,0806,0601',
  ],
  [
    't13d1517h1_8daaf6152771_6cdcb247c39b',
    't13d1517h1_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_0000,0017,0005,002b,0012,0023,000a,0033,0010,002d,001b,4469,000b,000d,ff01,0015,0029_0403,0804,0401,0503,0805,0501,0806,0601',
  ],
  [
    't13d1715h2_5b57614c22b0_3d5424432f57',
    't13d1715h2_1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035_0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015_0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201',
  ],
];

const VERSIONS: Readonly<Record<string, number>> = { 10: 0x0301, 11: 0x0302, 12: 0x0303, 13: 0x0304 };

function listsOf(raw: string): ClientHelloLists {
  const [head, ciphers, extensions, signatures = ''] = raw.split('_');
  const numbers = (list: string): number[] =>
    list === '' ? [] : list.split(',').map((hex) => Number.parseInt(hex, 16));
  const ends = head!.slice(8);
  return {
    version: VERSIONS[head!.slice(1, 3)]!,
    ciphers: numbers(ciphers!),
    extensions: numbers(extensions!),
    signatureAlgorithms: numbers(signatures),
    // Of a protocol the fingerprint has the ends.
    protocol: ends === '00' ? null : Buffer.from(ends === 'h1' ? 'http/1.1' : ends),
  };
}

function fingerprint(lists: ClientHelloLists): string {
  const message = clientHelloOf(lists);
  const hello = readClientHello(message, 0, message.length)!;
  expect(hello.isWhole).toBe(true);
  return ja4(hello, 't');
}

const SPECIFIED: ClientHelloLists = {
  version: 0x0304,
  ciphers: [0x1301, 0x1302],
  extensions: [0, 16, 43],
  signatureAlgorithms: [],
  protocol: Buffer.from('h2'),
};

describe('JA4', () => {
  it.each(PUBLISHED)('%s', (expected, raw) => {
    expect(fingerprint(listsOf(raw))).toBe(expected);
  });

  it('leaves GREASE out, wherever it is', () => {
    const [expected, raw] = PUBLISHED[0]!;
    const { ciphers, extensions, signatureAlgorithms, ...rest } = listsOf(raw);
    const greased: ClientHelloLists = {
      ...rest,
      ciphers: [0x0a0a, ...ciphers, 0xfafa],
      extensions: [0x1a1a, ...extensions, 0xeaea],
      signatureAlgorithms: [0x2a2a, ...signatureAlgorithms],
      greasesVersions: true,
    };
    expect(fingerprint(greased)).toBe(expected);
  });

  it.each([
    ['ab', 'ab'],
    ['20', '20'],
    ['abcd', 'ad'],
    ['2061', '21'],
    ['30ab', '3b'],
    ['6120', '60'],
    ['3031abcd', '3d'],
    ['30abcd31', '01'],
    ['61', 'aa'],
    ['', '00'],
  ])('writes the protocol of bytes %s as %s', (bytes, expected) => {
    expect(fingerprint({ ...SPECIFIED, protocol: Buffer.from(bytes, 'hex') }).slice(8, 10)).toBe(expected);
  });

  it('says zeros of empty lists, 99 of long ones, and 00 of a version it does not know', () => {
    const none = { ...SPECIFIED, version: 0x7777, ciphers: [], extensions: [], protocol: null };
    expect(fingerprint(none)).toBe('t00i000000_000000000000_000000000000');
    const many = { ...SPECIFIED, ciphers: Array.from({ length: 120 }, (_, index) => index) };
    expect(fingerprint(many)).toMatch(/^t13d9903h2_/);
  });

  it('is that of the specification without signature algorithms', () => {
    // "… = 6d807ffa2a79" of technical_details/JA4.md
    const extensions = '0005,000a,000b,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01,000d';
    const lists = { ...SPECIFIED, extensions: extensions.split(',').map((hex) => Number.parseInt(hex, 16)) };
    expect(fingerprint({ ...lists, protocol: null })).toMatch(/_6d807ffa2a79$/);
  });
});
