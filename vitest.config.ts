import { defineConfig, type Plugin } from "vitest/config";

const SCENES = ["test/e2e/**/*.test.ts"];

/**
 * Packages are those that a gateway has. Vitest asks for their `development` build where there is one: micromark's checks
 * and reports all it does, and takes twice the time. Conditions in the configuration would only be added to its own.
 */
export const packagesAsNode: Plugin = {
  name: "packages-as-node",
  configResolved({ ssr, environments }) {
    for (const each of [ssr, ...Object.values(environments)]) Object.assign(each.resolve!, { conditions: ["node"] });
  },
};

export default defineConfig({
  plugins: [packagesAsNode],
  test: {
    globalSetup: ["test/global-setup.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 40_000,
    hookTimeout: 60_000,
    // A machine that stands still for a second or two fails nothing.
    expect: { poll: { timeout: 10_000 } },
    allowOnly: false,
    // The files of a worker share what they import, which is a fifth of the work otherwise; src keeps nothing there.
    isolate: false,
    reporters: ["default"],
    projects: [
      {
        extends: true,
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          exclude: ["test/browser/**", "test/faults/**", ...SCENES],
          // Two cores: while one waits for its database, another works.
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      // They wait more than they work, above all for what platforms allow.
      { extends: true, test: { name: "scenes", include: SCENES, maxWorkers: 5, sequence: { groupOrder: 1 } } },
    ],
  },
});
