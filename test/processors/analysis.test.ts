/** The shared captures through the real decoder and the real engine, against the truth that lies beside them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Analysis } from '../../processors/analysis.js';
import { ConversationTracker } from '../../producers/conversations/conversation-tracker.js';
import { decodeCapture } from '../../producers/decoding/capture-decoder.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { requireSharedCaptures, sharedCaptureFolder } from '../support/shared-captures.js';

interface Truth {
  readonly source: string;
  readonly first_trigger_time: string;
  readonly port?: number;
}
type TruthFile = Record<string, Record<'port_scan' | 'syn_flood' | 'brute_force' | 'arp_spoof', Truth[]>>;

/**
 * What the truth takes for scans and is none: it lets every first packet of a UDP conversation open it, and these come from the
 * port of a service to one that is none's: answers of a resolver whose questions the capture does not have, answers by
 * LLMNR to questions asked to all.
 */
const ANSWERS_TAKEN_FOR_SCANS: ReadonlySet<string> = new Set([
  'port-scan 8.8.8.8  2021-09-21T15:45:36.978654Z',
  'port-scan 192.168.199.1  2016-10-16T08:09:24.029930Z',
  'port-scan fe80::78da:c04d:12da:8a08  2016-10-16T08:09:24.030277Z',
]);

async function analyze(path: string): Promise<AlertDocument[]> {
  const analysis = new Analysis();
  const alerts: AlertDocument[] = [];
  const options = { captureNode: 'node', timeline: path, conversations: new ConversationTracker() };
  await decodeCapture(path, options, (block) => {
    alerts.push(...analysis.process(block));
  });
  alerts.push(...analysis.finish());
  return alerts;
}

function lines(alerts: readonly AlertDocument[]): string[] {
  return alerts
    .filter((alert) => alert.event.action === 'open' && alert.source.ip !== undefined) // cards are no part of the truth
    .map((alert) => {
      const port = alert.rule.id === 'brute-force' ? alert.destination?.port : '';
      return `${alert.rule.id} ${alert.source.address} ${port} ${alert.nta.alert.crossed}`;
    })
    .sort();
}

function truthLines(truth: TruthFile[string]): string[] {
  const rules = {
    port_scan: 'port-scan',
    syn_flood: 'syn-flood',
    brute_force: 'brute-force',
    arp_spoof: 'arp-spoofing',
  };
  return Object.entries(rules)
    .flatMap(([name, detector]) =>
      truth[name as keyof typeof rules].map(({ source, port, first_trigger_time: time }) => {
        const iso = new Date(Number(time.split('.')[0]) * 1000).toISOString().slice(0, -5);
        return `${detector} ${source} ${port ?? ''} ${iso}.${time.split('.')[1]!.slice(0, 6)}Z`;
      }),
    )
    .filter((line) => !ANSWERS_TAKEN_FOR_SCANS.has(line))
    .sort();
}

/** The rules that the truth speaks of. */
const LITERAL: ReadonlySet<string> = new Set(['port-scan', 'syn-flood', 'brute-force', 'arp-spoofing']);

describe('shared captures', () => {
  test('give the alerts of the truth, at the same microsecond', { timeout: 120_000 }, async (context) => {
    requireSharedCaptures(context);
    const truth = JSON.parse(readFileSync(join(sharedCaptureFolder, 'detect-truth.json'), 'utf8')) as TruthFile;
    for (const [file, expected] of Object.entries(truth)) {
      // an episode may close and another open: the truth knows each source's first alone
      const seen = new Set<string>();
      const literal = lines(await analyze(join(sharedCaptureFolder, file))).filter((line) =>
        LITERAL.has(line.slice(0, line.indexOf(' '))),
      );
      const first = literal.filter((line) => {
        const key = line.slice(0, line.lastIndexOf(' '));
        return !seen.has(key) && seen.add(key);
      });
      expect.soft(first, file).toEqual(truthLines(expected));
    }
  });
});
