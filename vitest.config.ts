import { defineConfig } from 'vitest/config';

// Native code (onnxruntime, llama.cpp, hnswlib) needs real processes: never a VM pool.
export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: ['test/models/**'] } },
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
    ],
  },
});
