import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/faults/**"],
    globalSetup: ["test/global-setup.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // A machine that stands still for a second or two fails nothing.
    expect: { poll: { timeout: 10_000 } },
    allowOnly: false,
    reporters: ["default"],
  },
});
