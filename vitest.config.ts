import { defineConfig } from 'vitest/config';

// Native code (onnxruntime, llama.cpp, hnswlib) needs real processes: never a VM pool.
export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/models/**', 'test/services/**', 'test/browser/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'models',
          include: ['test/models/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        // Needs the server that `npm run test:services` starts.
        test: {
          name: 'services',
          include: ['test/services/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        // Needs the browser that `npm run test:browser` finds or installs.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
