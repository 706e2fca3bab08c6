/**
 * The file of `--detection-config`, YAML 1.2:
 *
 *     exceptions:                      # for every detector
 *       - sources: [10.0.0.5]
 *         comment: vulnerability scanner
 *     detectors:
 *       port-scan:
 *         threshold: 15
 *         window: 90s
 *         severity: high               # or 4
 *         exceptions:
 *           - sources: [10.2.0.0/16]
 *             targets: [10.9.0.0/24]
 *             ports: [443, 8000-8100]
 *             captureNodes: [dmz-1]
 *             sites: [branch-7]
 *             hours: { from: "22:00", to: "05:00", zone: Europe/Berlin, days: [sat, sun] }
 *             expires: 2027-01-31T18:00:00Z
 *             note: load test of the new proxy
 *       arp-spoofing: { enabled: false }
 *
 * A packet is excepted when it matches every part that an entry names. What a detector's own options are called follows
 * from its definition. Everything wrong with a file is reported at once, each with its line and field.
 */
import { z } from 'zod';
import { formatDuration } from '../../runtime/process/options.js';
import { WEEKDAYS } from '../../schemas/exceptions/alert-exception.js';
import type { Detector, DetectorOption, DetectorOptions } from '../contract/detector.js';
import { parseNetwork } from '../contract/network-list.js';
import type { DetectionRule, DetectionRules } from '../contract/rule.js';
import { builtInDetectors } from '../detectors/built-in.js';
import { type Exception, ExceptionList } from './exceptions.js';
import { readPorts } from './ports.js';
import { TimeOfDay } from './time-of-day.js';
import { readMilliseconds, readSeverity, readYaml, schemaFaults, severitySchema } from './yaml-file.js';

export type DetectionConfigurationResult =
  | { readonly ok: true; readonly rules: DetectionRules }
  /** One line each: "rules.yaml:12: detectors.port-scan.threshold: must be …". */
  | { readonly ok: false; readonly errors: readonly string[] };

const networkSchema = z.string({ error: 'must be an address or a network' }).superRefine((text, context) => {
  try {
    parseNetwork(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

const PORT_ERROR = 'must be a port from 0 to 65535, or a range such as 8000-8100';
const portsSchema = z
  .array(
    z.union(
      [
        z.number().int({ error: PORT_ERROR }).min(0, { error: PORT_ERROR }).max(65_535, { error: PORT_ERROR }),
        z.string().refine((text) => {
          const range = /^(\d{1,5})-(\d{1,5})$/.exec(text);
          return range !== null && Number(range[1]) <= Number(range[2]) && Number(range[2]) <= 65_535;
        }, PORT_ERROR),
      ],
      { error: PORT_ERROR },
    ),
  )
  .min(1);

const hoursSchema = z
  .strictObject({
    from: z.string(),
    to: z.string(),
    zone: z.string(),
    days: z
      .array(z.enum(WEEKDAYS, { error: `must be ${WEEKDAYS.join(', ')}` }))
      .min(1)
      .optional(),
  })
  .superRefine((hours, context) => {
    try {
      new TimeOfDay(hours);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  });

function exceptionSchema(ids: readonly string[]) {
  const rule = z.enum(ids, { error: `must be the id of a rule; known here: ${ids.join(', ')}` });
  return z
    .strictObject({ ...EXCEPTION_SHAPE, rules: z.array(rule).min(1).optional() })
    .refine(
      (entry) =>
        entry.sources ||
        entry.targets ||
        entry.ports ||
        entry.captureNodes ||
        entry.sites ||
        entry.hours ||
        entry.rules,
      {
        error:
          'must name at least one of sources, targets, ports, captureNodes, sites, hours and rules; without any it would except everything',
      },
    );
}

const EXCEPTION_SHAPE = {
  sources: z.array(networkSchema).min(1).optional(),
  targets: z.array(networkSchema).min(1).optional(),
  ports: portsSchema.optional(),
  captureNodes: z.array(z.string()).min(1).optional(),
  sites: z.array(z.string()).min(1).optional(),
  hours: hoursSchema.optional(),
  expires: z
    .union([z.string(), z.date()])
    .refine((time) => !Number.isNaN(new Date(time).getTime()), {
      error: 'must be a time, such as 2026-12-31T18:00:00Z',
    })
    .optional(),
  comment: z.string().optional(),
  note: z.string().optional(),
};

type ExceptionSection = z.infer<ReturnType<typeof exceptionSchema>>;

/** What the file may say about one detector. */
function detectorSchema(detector: Detector, exception: z.ZodType<ExceptionSection>): z.ZodType<DetectorSection> {
  const { threshold, windowSeconds, options } = detector;
  return z.strictObject({
    enabled: z.boolean().optional(),
    threshold: integer(threshold.minimum, threshold.maximum).optional().describe(threshold.help),
    window: windowSchema(windowSeconds.minimum, windowSeconds.maximum).optional().describe(windowSeconds.help),
    severity: severitySchema.optional(),
    exceptions: z.array(exception).optional(),
    ...Object.fromEntries(
      Object.entries(options).map(([name, option]) => [name, optionSchema(option).optional().describe(option.help)]),
    ),
  }) as unknown as z.ZodType<DetectorSection>;
}

interface DetectorSection {
  readonly enabled?: boolean;
  readonly threshold?: number;
  readonly window?: string | number;
  readonly severity?: z.infer<typeof severitySchema>;
  readonly exceptions?: readonly ExceptionSection[];
  readonly [option: string]: unknown;
}

function integer(minimum: number, maximum: number): z.ZodNumber {
  const error = `must be a whole number from ${minimum} to ${maximum}`;
  return z.number({ error }).int({ error }).min(minimum, { error }).max(maximum, { error });
}

function windowSchema(minimum: number, maximum: number): z.ZodType<string | number> {
  const limits = `from ${formatDuration(minimum * 1000)} to ${formatDuration(maximum * 1000)}`;
  return z
    .union([z.string(), z.number()], { error: `must be a duration ${limits}, such as 90s or 5m` })
    .refine((value) => {
      const milliseconds = readMilliseconds(value);
      return milliseconds !== null && milliseconds >= minimum * 1000 && milliseconds <= maximum * 1000;
    }, `must be a duration ${limits}, such as 90s or 5m`);
}

function optionSchema(option: DetectorOption): z.ZodType {
  switch (option.kind) {
    case 'integer':
      return integer(option.minimum, option.maximum);
    case 'boolean':
      return z.boolean({ error: 'must be true or false' });
    case 'ports':
      return portsSchema;
    case 'networks':
      return z.array(networkSchema);
    case 'domains':
      return z.array(
        z.string().regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i, 'must be the name of a domain, such as example.org'),
      );
    case 'macs':
      return z.array(
        z
          .string()
          .regex(/^(?:[0-9a-f]{2}:){0,5}[0-9a-f]{1,2}$/i, 'must be a MAC or how one begins, such as 00:00:5e:00:01'),
      );
  }
}

function fileSchema(detectors: readonly Detector[]) {
  const exception = exceptionSchema(detectors.map(({ id }) => id));
  return z.strictObject({
    exceptions: z.array(exception).nullish(),
    detectors: z
      .strictObject(
        Object.fromEntries(
          detectors.map((detector) => [detector.id, detectorSchema(detector, exception).nullable().optional()]),
        ),
      )
      .nullish(),
  });
}

/** The contract of the file as JSON Schema, for editors and for whoever generates it. */
export function detectionConfigurationSchema(detectors: readonly Detector[] = builtInDetectors): object {
  return z.toJSONSchema(fileSchema(detectors), { unrepresentable: 'any' });
}

/**
 * Rules from the text of a configuration file. An empty file means the defaults.
 *
 * @param fileName stands in front of every error
 */
export function parseDetectionConfiguration(
  text: string,
  fileName: string,
  detectors: readonly Detector[] = builtInDetectors,
): DetectionConfigurationResult {
  const file = readYaml(text, fileName);
  if (!file.ok) return file;
  const result = fileSchema(detectors).safeParse(file.value);
  if (!result.success) {
    return { ok: false, errors: schemaFaults(result.error, file, (path) => knownKeys(path, detectors)) };
  }
  return { ok: true, rules: compile(result.data.detectors ?? {}, result.data.exceptions ?? [], detectors) };
}

function knownKeys(path: readonly PropertyKey[], detectors: readonly Detector[]): readonly string[] {
  if (path.length === 0) return ['detectors', 'exceptions'];
  if (path.includes('exceptions'))
    return path.at(-1) === 'hours' ? Object.keys(hoursSchema.shape) : [...Object.keys(EXCEPTION_SHAPE), 'rules'];
  if (path.length === 1) return detectors.map((detector) => detector.id);
  const detector = detectors.find(({ id }) => id === path[1]);
  return ['enabled', 'threshold', 'window', 'severity', 'exceptions', ...Object.keys(detector?.options ?? {})];
}

function compile(
  sections: Readonly<Record<string, DetectorSection | null | undefined>>,
  common: readonly ExceptionSection[],
  detectors: readonly Detector[],
): DetectionRules {
  const rules = detectors.flatMap((detector): DetectionRule[] => {
    const section = sections[detector.id] ?? {};
    if (section.enabled === false) return [];
    const exceptions = [...common, ...(section.exceptions ?? [])]
      .filter(({ rules }) => rules === undefined || rules.includes(detector.id))
      .map(readException);
    return [
      {
        detector,
        threshold: section.threshold ?? detector.threshold.default,
        windowMicros: readMilliseconds(section.window ?? detector.windowSeconds.default)! * 1000,
        severity: section.severity === undefined ? detector.severity : readSeverity(section.severity),
        options: readOptions(detector, section),
        exceptions: exceptions.length > 0 ? new ExceptionList(exceptions) : null,
      },
    ];
  });
  return { rules };
}

function readException(entry: ExceptionSection): Exception {
  const { sources, targets, ports, captureNodes, sites, hours, expires } = entry;
  return {
    sources,
    targets,
    ports: ports && readPorts(ports),
    captureNodes,
    sites,
    hours,
    expires: expires === undefined ? undefined : new Date(expires).getTime() * 1000,
  };
}

function readOptions(detector: Detector, section: DetectorSection): DetectorOptions {
  return Object.fromEntries(
    Object.entries(detector.options).map(([name, option]) => {
      const value = section[name];
      if (value === undefined) return [name, option.default];
      return [name, option.kind === 'ports' ? readPorts(value as readonly (string | number)[]) : value];
    }),
  ) as DetectorOptions;
}
