import { defineConfig } from "vitest/config";

/** The fault suite kills real processes and judges by the fakes' journals; one file at a time keeps its clocks honest. */
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    globalSetup: ["test/global-setup.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    // Scenes of one file may share the two cores a CI machine has.
    maxConcurrency: 3,
    // A machine that stands still for a second or two fails nothing.
    expect: { poll: { timeout: 10_000 } },
    allowOnly: false,
    reporters: ["default"],
  },
});
