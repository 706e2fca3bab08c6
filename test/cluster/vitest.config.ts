/** `npm run test:cluster`: one file, in order, on a Kubernetes of its own. Not part of `npm test`: programs.sh builds for minutes. */
import { defineConfig } from 'vitest/config';

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    name: 'cluster',
    include: ['test/cluster/*.cluster.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 3_600_000,
    bail: 0,
  },
});
