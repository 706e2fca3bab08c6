/**
 * Two kinds of tests. `unit` files are pure, run side by side and never start a server. `integration` files (named so,
 * or in one of the folders below) share the local Kafka and Postgres that their global setup brings up, and run one
 * after another: two cores have no room for more.
 */
import { configDefaults, defineConfig } from 'vitest/config';

const INTEGRATION = [
  'test/**/*.integration.test.ts',
  'test/end-to-end/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/browser/**/*.test.ts',
  'test/quality/quality.test.ts',
];

/** Pure, but at it for seconds, or in need of a build: left out of `npm run test:unit`, which is for the loop of a change. */
const LONG = [
  'test/**/*.fuzz.test.ts',
  'test/**/*.random.test.ts',
  'test/deploy/container.test.ts',
  'test/deploy/kubernetes.test.ts',
  'test/deploy/local-stack/guarded-process.test.ts',
  'test/fixtures/fixtures.test.ts',
  'test/processors/analysis.test.ts',
  'test/processors/fleet-parity.test.ts',
  'test/processors/worker/partition-input.test.ts',
  'test/producers/conversation-agreement.test.ts',
  'test/producers/conversations/random-conversations.test.ts',
  'test/producers/decoding/decode-report.test.ts',
  'test/producers/decoding/decoder.test.ts',
  'test/producers/live/engine-choice.test.ts',
  'test/producers/live/tcpdump-engine.test.ts',
  'test/producers/tshark-agreement.test.ts',
  'test/runtime/process/navigator.test.ts',
  'test/support/capture-file.test.ts',
  'test/support/network-namespace.test.ts',
  'test/support/reference-detection.test.ts',
  'test/support/run-folder.test.ts',
  'test/support/traffic.test.ts',
];
const quick = process.env['npm_lifecycle_event'] === 'test:unit';

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          globalSetup: 'test/support/run-folder.ts',
          exclude: [...configDefaults.exclude, ...INTEGRATION, ...(quick ? LONG : [])],
          testTimeout: 20_000,
          maxWorkers: '100%',
          // A process for each file takes longer than what most of them test.
          isolate: !quick,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: INTEGRATION,
          globalSetup: ['test/support/run-folder.ts', 'test/support/local-stack-setup.ts'],
          setupFiles: 'test/support/end-children.ts',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
