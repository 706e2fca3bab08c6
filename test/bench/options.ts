/** The command line of the bench: `npm run bench -- [name…] [flags]`. */
import { resolve } from 'node:path';
import { Failure } from '../../runtime/process/failure.js';
import { addOptions, Command, defineOptions, readSettings, type Settings } from '../../runtime/process/options.js';
import type { BenchScale } from './bench.js';
import { BENCHES } from './catalogue.js';

const benchOptions = defineOptions({
  quick: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'only check that every bench works: small inputs, one run',
  },
  full: { kind: 'boolean', env: null, default: false, help: 'also tables of 20,000,000 rows' },
  seconds: {
    kind: 'integer',
    env: null,
    default: 0,
    minimum: 0,
    maximum: 3600,
    unit: 'seconds',
    help: 'length of sustained measurements; 0 takes 60, or 5 with --quick',
  },
  packets: {
    kind: 'integer',
    env: null,
    default: 0,
    minimum: 0,
    maximum: 1_000_000_000,
    unit: 'packets',
    help: 'length of generated captures; 0 takes 2,000,000, or 100,000 with --quick',
  },
  repeats: {
    kind: 'integer',
    env: null,
    default: 0,
    minimum: 0,
    maximum: 99,
    unit: 'runs',
    help: 'runs of which the median counts; 0 takes 3, or 1 with --quick',
  },
  json: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<file>',
    help: 'write an array of one object a figure',
  },
  output: {
    kind: 'string',
    env: null,
    default: '.nta/bench',
    placeholder: '<folder>',
    help: 'folder of report.json (figures, machine, versions) and chart.svg',
  },
  profile: {
    kind: 'string',
    env: null,
    default: '',
    placeholder: '<folder>',
    help: 'write CPU profiles of the benches and of the parts they start there (for Chrome or 0x); figures are lower then',
  },
  readme: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'measure nothing, write what the READMEs say of test/bench/results anew; --output test/bench/results does so too',
  },
  install: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'install missing yardsticks first (test/bench/yardsticks.sh: Debian packages, needs root)',
  },
});
type BenchSettings = Settings<typeof benchOptions>;

interface BenchRequest {
  readonly settings: BenchSettings;
  readonly scale: BenchScale;
  /** In the order of the catalogue. */
  readonly names: readonly string[];
}

/** @throws Failure `CONFIGURATION` naming everything that was refused. */
export function readRequest(args: readonly string[]): BenchRequest {
  const command = new Command('npm run bench --')
    .description('Measures every figure that has a target, each figure beside its yardstick in the same run.')
    .argument('[names...]', 'benches to run; all when none is named')
    .addHelpText(
      'after',
      `\nBenches:\n${BENCHES.map(({ name, summary }) => `  ${name.padEnd(18)} ${summary}`).join('\n')}`,
    );
  addOptions(command, benchOptions);
  command.parse([...args], { from: 'user' });
  const settings = readSettings(benchOptions, command.opts(), {});
  return { settings, scale: scaleOf(settings), names: selectNames(command.args) };
}

function scaleOf({ quick, full, seconds, packets, repeats, profile }: BenchSettings): BenchScale {
  return {
    quick,
    full,
    seconds: seconds || (quick ? 5 : 60),
    packets: packets || (quick ? 100_000 : 2_000_000),
    repeats: repeats || (quick ? 1 : 3),
    profileFolder: profile === '' ? null : resolve(profile),
  };
}

function selectNames(wanted: readonly string[]): readonly string[] {
  const known = BENCHES.map(({ name }) => name);
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Failure('CONFIGURATION', `there is no bench ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  return known.filter((name) => wanted.length === 0 || wanted.includes(name));
}
