import { describe, expect, it } from 'vitest';
import { Failure } from '../../../runtime/process/failure.js';
import {
  addOptions,
  Command,
  defineOptions,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  readSettings,
  toArguments,
} from '../../../runtime/process/options.js';

const table = defineOptions({
  interface: { kind: 'list', env: 'T_INTERFACE', default: [], help: 'interfaces' },
  read: { kind: 'list', env: null, default: [], verbatim: true, help: 'files' },
  pace: { kind: 'boolean', env: 'T_PACE', default: false, help: 'pace' },
  promiscuous: { kind: 'boolean', env: 'T_PROMISCUOUS', default: true, help: 'promiscuous' },
  engine: { kind: 'string', env: 'T_ENGINE', default: 'auto', choices: ['auto', 'tcpdump', 'cap'], help: 'engine' },
  apiPort: { kind: 'integer', env: 'T_PORT', default: 5000, minimum: 0, maximum: 65_535, unit: 'port', help: 'port' },
  window: { kind: 'duration', env: 'T_WINDOW', default: 60_000, minimum: 1000, maximum: 3_600_000, help: 'window' },
  spool: { kind: 'size', env: 'T_SPOOL', default: 1024, minimum: 0, maximum: 1024 ** 4, help: 'spool' },
  password: { kind: 'string', env: 'T_PASSWORD', default: '', secret: true, help: 'password' },
});

function parse(args: string[], environment: Record<string, string> = {}) {
  const command = new Command('test').exitOverride().configureOutput({ writeErr: () => undefined });
  addOptions(command, table);
  command.parse(args, { from: 'user' });
  return readSettings(table, command.opts(), environment);
}

describe('settings', () => {
  it('take the default, then the environment, then the flag', () => {
    expect(parse([]).apiPort).toBe(5000);
    expect(parse([], { T_PORT: '81' }).apiPort).toBe(81);
    expect(parse(['--api-port', '82'], { T_PORT: '81' }).apiPort).toBe(82);
  });

  it('read every kind', () => {
    const settings = parse([
      '--interface',
      'eth0',
      '--interface',
      'eth1,eth2',
      '--pace',
      '--no-promiscuous',
      '--window',
      '5m',
      '--spool',
      '2G',
      '--engine',
      'cap',
    ]);
    expect(settings).toMatchObject({
      interface: ['eth0', 'eth1', 'eth2'],
      pace: true,
      promiscuous: false,
      window: 300_000,
      spool: 2 * 1024 ** 3,
      engine: 'cap',
    });
  });

  it('keep commas in file names', () => {
    expect(parse(['--read', 'a,b.pcap', 'c.pcap']).read).toEqual(['a,b.pcap', 'c.pcap']);
  });

  it('leave the words behind a list flag to a command that has arguments', () => {
    const command = new Command('test').argument('<file...>').exitOverride();
    addOptions(command, table);
    command.parse(['--read', 'a,b.pcap', '--read', 'c.pcap', 'd.pcap', 'e.pcap'], { from: 'user' });
    expect(readSettings(table, command.opts(), {}).read).toEqual(['a,b.pcap', 'c.pcap']);
    expect(command.args).toEqual(['d.pcap', 'e.pcap']);
  });

  it('read booleans from the environment', () => {
    expect(parse([], { T_PACE: 'yes', T_PROMISCUOUS: '0' })).toMatchObject({ pace: true, promiscuous: false });
  });

  it('report every refused value at once, by the name it was given under, and never a secret', () => {
    const attempt = (): unknown =>
      parse(['--api-port', '70000', '--window', 'soon', '--engine', 'zeek'], { T_SPOOL: 'big' });
    expect(attempt).toThrow(Failure);
    try {
      attempt();
    } catch (error) {
      expect((error as Failure).message.split('\n')).toEqual([
        '--engine: "zeek" must be one of auto, tcpdump, cap',
        '--api-port: "70000" must be a whole number of port from 0 to 65535',
        '--window: "soon" must be a duration from 1s to 1h, such as 500ms, 10s, 5m, 2h or 7d',
        'T_SPOOL: "big" must be a size from 0 to 1T, such as 64k, 512M or 2G',
      ]);
    }
  });

  it('refuse an unknown flag with the nearest known one', () => {
    expect(() => parse(['--api-prot', '1'])).toThrow(/unknown option '--api-prot'[\s\S]*--api-port/);
  });

  it('survive the way through a command line, without secrets', () => {
    const settings = parse([
      '--interface',
      'eth0',
      '--read',
      'a,b.pcap',
      '--pace',
      '--no-promiscuous',
      '--window',
      '5m',
      '--spool',
      '2G',
      '--password',
      'x',
    ]);
    const args = toArguments(table, settings);
    expect(args.join(' ')).not.toContain('password');
    expect(parse(args)).toEqual({ ...settings, password: '' });
  });
});

describe('units', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['10', null],
    ['ten', null],
  ])('duration %s', (text, value) => {
    expect(parseDuration(text)).toBe(value);
  });

  it.each([
    ['0', 0],
    ['64k', 65_536],
    ['512M', 536_870_912],
    ['2GiB', 2 * 1024 ** 3],
    ['1.5G', 1.5 * 1024 ** 3],
    ['-1', null],
    ['2x', null],
  ])('size %s', (text, value) => {
    expect(parseSize(text)).toBe(value);
  });

  it('format to what parses to the same', () => {
    for (const value of [0, 1, 999, 1000, 60_000, 3_600_000, 86_400_000])
      expect(parseDuration(formatDuration(value))).toBe(value);
    for (const value of [0, 1, 1000, 1024, 1024 ** 2, 3 * 1024 ** 3]) expect(parseSize(formatSize(value))).toBe(value);
  });
});
