/** The labelled captures and the small cases beside the project (`../shared/data`): what each is, and what is right to say of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedCaptureFolder } from '../support/shared-captures.js';

export type CaptureKind = 'behavioural' | 'content' | 'benign' | 'ambiguous';

export interface LabelledCapture {
  readonly path: string;
  readonly label: string;
  readonly kind: CaptureKind;
  /** One of these addresses has to be named by an alert; `*`: any. */
  readonly actors: readonly string[];
  /** One of these rules has to say it; `*`: any. */
  readonly rules: readonly string[];
  /** Time covered, gaps of over an hour left out. */
  readonly seconds: number;
}

export interface Requirement {
  readonly rules: readonly string[];
  readonly actors: readonly string[];
  readonly severity: number;
}

export interface Case {
  readonly name: string;
  readonly files: readonly string[];
  readonly args?: readonly string[];
  readonly why: string;
  readonly must?: readonly Requirement[];
  readonly must_not?: { readonly rules: 'any' | readonly string[]; readonly severity: number };
  readonly decode?: readonly { readonly frame: number; readonly expect: Readonly<Record<string, unknown>> }[];
}

export function labelledCaptures(): LabelledCapture[] {
  const [head, ...lines] = readFileSync(join(sharedCaptureFolder, 'labels.tsv'), 'utf8').trimEnd().split('\n');
  const names = head!.split('\t');
  return lines.map((line) => {
    const cells = line.split('\t');
    const cell = (name: string): string => cells[names.indexOf(name)] ?? '';
    const list = (name: string): string[] =>
      cell(name)
        .split(',')
        .filter((text) => text !== '');
    return {
      path: join(sharedCaptureFolder, cell('path')),
      label: cell('label'),
      kind: cell('kind') as CaptureKind,
      actors: list('actors'),
      rules: list('rules'),
      seconds: Number(cell('seconds')),
    };
  });
}

export function cases(): Case[] {
  return JSON.parse(readFileSync(join(sharedCaptureFolder, 'cases', 'cases.json'), 'utf8')) as Case[];
}
