import { defineConfig } from "vitest/config";
import { packagesAsNode } from "./vitest.config.ts";

/** They judge what became of everything and not how long it took, so they share the cores: mostly they wait. */
const UNTIMED = [
  "backlog",
  "budgets",
  "called-agents",
  "chaos",
  "deadly-tools",
  "files",
  "idle-sessions",
  "model",
  "model-storm",
  "native-drafts",
  "outage",
  "platform-outage",
  "platform-places",
  "platform-uncertain",
  "rights",
  "rotation",
  "shutdown",
  "slack-chaos",
  "slack-intake",
  "slack-load",
  "slack-stream",
  "start-refused",
  "ten-agents",
  "webhook",
  "zombie",
].map(fileOf);

/** They judge by seconds, and wait for what platforms allow meanwhile: two of them at a time. */
const PACED = ["busy", "many-streams", "signed-out", "slack-stop"].map(fileOf);

/** They judge by seconds how soon another process goes on; they start processes and wait for leases: two of them at a time. */
const RETURNS = ["restart", "slack-takeover", "takeover"].map(fileOf);

function fileOf(name: string): string {
  return `test/faults/${name}.test.ts`;
}

/** The fault suite kills real processes and judges by the fakes' journals; what judges by tenths of seconds runs alone. */
export default defineConfig({
  plugins: [packagesAsNode],
  test: {
    globalSetup: ["test/global-setup.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // Scenes of one file may share the two cores a CI machine has.
    maxConcurrency: 3,
    // A machine that stands still for a second or two fails nothing.
    expect: { poll: { timeout: 10_000 } },
    allowOnly: false,
    reporters: ["default"],
    projects: [
      { extends: true, test: { name: "untimed", include: UNTIMED, maxWorkers: 3, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: "paced", include: PACED, maxWorkers: 2, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: "returns", include: RETURNS, maxWorkers: 2, sequence: { groupOrder: 2 } } },
      {
        extends: true,
        test: {
          name: "timed",
          include: ["test/faults/**/*.test.ts"],
          exclude: [...UNTIMED, ...PACED, ...RETURNS],
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
