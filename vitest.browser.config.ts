import { defineConfig } from "vitest/config";

/** The page in a real browser, against a gateway's process. The files share one browser and one gateway. */
export default defineConfig({
  test: {
    globalSetup: ["test/global-setup.ts", "test/browser/support/build-page.ts"],
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    allowOnly: false,
    reporters: ["default"],
    isolate: false,
    maxWorkers: 1,
    // The views of one test share the cores.
    maxConcurrency: 4,
  },
});
