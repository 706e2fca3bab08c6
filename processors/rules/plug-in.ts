/**
 * Detectors from outside the project: `--detector ./my-detector.js` names an ES module that exports a detector as
 * `detector`, or several as `detectors`. A detector is an object as detector.ts describes it; what most have in common
 * may be left out:
 *
 *     export const detector = {
 *       id: 'icmp-sweep',
 *       name: 'ICMP sweep',
 *       summary: 'A source sends many ICMP echo requests within the window.',
 *       severity: 2,
 *       packets: ['icmp'],                       // kinds that observe gets to see
 *       measure: 'count',                        // or 'distinct': how many different values observe answers
 *       threshold: { default: 50, minimum: 2, maximum: 10000, help: 'echo requests' },
 *       windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
 *       options: {},
 *       createObserver: () => (block, row) => (block.icmpType[row] === 8 ? 0 : -1),
 *       describe: (evidence) => ({ message: `${evidence.source} sent ${evidence.packets} echo requests`, details: {} }),
 *     };
 *
 * It runs with the rights of the process and in its packet path. A packet that `observe` fails on does not count for it,
 * an alert that `describe` fails on goes out in plain words; both are counted and said with its name, and the other
 * detectors go on.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { type Detector, defaultOptions, NOT_COUNTED, PACKET_KINDS, type PacketObserver } from '../contract/detector.js';
import { builtInDetectors } from '../detectors/built-in.js';

const limitsSchema = z.strictObject({
  default: z.number().int(),
  minimum: z.number().int().min(1),
  maximum: z.number().int(),
  help: z.string(),
});
const functionSchema = z.custom<(...values: never[]) => unknown>((value) => typeof value === 'function', {
  error: 'must be a function',
});
const textOption = { help: z.string() };

const detectorSchema = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/, 'must be lower-case letters, digits and hyphens'),
  version: z.string().default('1'),
  name: z.string(),
  summary: z.string().default(''),
  techniques: z.array(z.strictObject({ id: z.string(), name: z.string() })).default([]),
  eventTypes: z.array(z.string()).default(['info']),
  severity: z.literal([1, 2, 3, 4, 5]),
  keyedBy: z.literal('source').default('source'), // plug-ins count packets of sources
  perDestinationPort: z.boolean().default(false),
  packets: z.array(z.enum(PACKET_KINDS)).min(1),
  measure: z.enum(['count', 'distinct']),
  values: z.enum(['none', 'ports', 'macs']).default('none'),
  durable: z.boolean().default(false),
  threshold: limitsSchema,
  windowSeconds: limitsSchema,
  options: z
    .record(
      z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'must be a name in camelCase'),
      z.discriminatedUnion('kind', [
        z.strictObject({
          kind: z.literal('integer'),
          default: z.int(),
          minimum: z.int(),
          maximum: z.int(),
          ...textOption,
        }),
        z.strictObject({ kind: z.literal('boolean'), default: z.boolean(), ...textOption }),
        z.strictObject({ kind: z.literal('ports'), default: z.array(z.int().min(0).max(65_535)), ...textOption }),
        z.strictObject({ kind: z.literal('networks'), default: z.array(z.string()), ...textOption }),
        z.strictObject({ kind: z.literal('macs'), default: z.array(z.string()), ...textOption }),
      ]),
    )
    .default({}),
  createObserver: functionSchema,
  describe: functionSchema,
});

/**
 * The built-in detectors and those of these modules.
 *
 * @throws Failure `DETECTOR`, one line for each module that is none
 */
export async function loadDetectors(modules: readonly string[]): Promise<readonly Detector[]> {
  const detectors = [...builtInDetectors];
  const refusals: string[] = [];
  for (const module of modules) {
    try {
      for (const detector of await readModule(module)) {
        if (detectors.some(({ id }) => id === detector.id)) {
          throw new Error(`there is a detector ${detector.id} already; give it another id`);
        }
        detectors.push(detector);
      }
    } catch (error) {
      refusals.push(`--detector ${module}: ${messageOf(error)}`);
    }
  }
  if (refusals.length > 0) throw new Failure('DETECTOR', refusals.join('\n'));
  return detectors;
}

async function readModule(module: string): Promise<Detector[]> {
  const exported = (await import(pathToFileURL(resolve(module)).href)) as Record<string, unknown>;
  const found = exported['detectors'] ?? (exported['detector'] === undefined ? undefined : [exported['detector']]);
  if (!Array.isArray(found) || found.length === 0) {
    throw new Error('it exports neither `detector` nor `detectors`; export const detector = { id: … }');
  }
  return found.map((value) => readDetector(value, module));
}

/** A detector from what a module exports, defaults filled in. @throws Error with every reason, on one line */
export function readDetector(value: unknown, module: string): Detector {
  const result = detectorSchema.safeParse(value);
  if (!result.success) {
    const reasons = result.error.issues.map(({ path, message }) => `${path.join('.') || 'detector'}: ${message}`);
    throw new Error(reasons.join('; '));
  }
  const detector = result.data as unknown as Detector;
  const guarded = guard(detector, module);
  guarded.createObserver(defaultOptions(detector) as never);
  return guarded;
}

/** The detector with every call checked, so that a fault names it. */
function guard(detector: Detector, module: string): Detector {
  const failed = (where: string, cause: unknown): Failure =>
    new Failure('DETECTOR', `--detector ${module}: ${detector.id}.${where}: ${messageOf(cause)}`, { cause });
  return {
    ...detector,
    createObserver(options) {
      let observe: PacketObserver;
      try {
        observe = detector.createObserver(options);
      } catch (error) {
        throw failed('createObserver', error);
      }
      if (typeof observe !== 'function') throw failed('createObserver', 'it gave no function');
      return (block, row) => {
        let value: number;
        try {
          value = observe(block, row);
        } catch (error) {
          throw failed('observe', error);
        }
        if (Number.isSafeInteger(value) && value >= NOT_COUNTED) return value;
        throw failed('observe', `it gave ${String(value)}, neither -1 nor a whole number from 0 to 2^53 - 1`);
      };
    },
    describe(evidence, options) {
      try {
        const { message, details = {} } = detector.describe(evidence, options);
        if (typeof message === 'string') return { message, details };
      } catch (error) {
        throw failed('describe', error);
      }
      throw failed('describe', 'it gave no message');
    },
  };
}
