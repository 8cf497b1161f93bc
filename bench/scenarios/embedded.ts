import { mkdtemp, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { Chats } from "../chats.ts";
import { BURST, BURST_CHATS, openTelegram } from "../conditions.ts";
import { resetPeak } from "../proc.ts";
import type { Scenario } from "../scenario.ts";
import { Subject } from "../subject.ts";

/** PGlite has taken its memory by then. */
const SETTLE_MS = 3_000;
const ROWS = ["embedded-idle", "embedded-burst", "start-first", "start-again"] as const;

/** What the database inside the process costs: memory, and the time of a start with and without its files. */
export const embedded: Scenario = {
  name: "embedded",
  rows: ROWS,
  async run(lab, findings) {
    for (let round = 1; round <= Math.ceil(lab.options.rounds / 3); round++) {
      await using telegram = await openTelegram();
      const dataDir = await mkdtemp(path.join(lab.folder, "embedded-"));
      const first = await Subject.ours(lab, { telegram, dataDir });
      try {
        await sleep(SETTLE_MS);
        findings.add("ours", { "start-first": first.readyMs, "embedded-idle": first.memoryMb("VmRSS") });
        await lab.model.pace(BURST);
        resetPeak(first.pid);
        const chats = new Chats(telegram, BURST_CHATS);
        const asked = await chats.askAll(BURST_CHATS, { label: `embedded${round}`, everyMs: 0, chars: BURST.chars });
        await chats.answered(asked, 60_000);
        findings.add("ours", { "embedded-burst": first.memoryMb("VmHWM") });
        findings.count(["embedded-burst"], chats.judge());
      } finally {
        await first.dispose();
      }
      const again = await Subject.ours(lab, { telegram, dataDir });
      findings.add("ours", { "start-again": again.readyMs });
      await again.dispose();
      await rm(dataDir, { recursive: true });
    }
  },
};
