import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { openTelegram } from "../conditions.ts";
import type { Scenario } from "../scenario.ts";
import { Subject } from "../subject.ts";

const SETTLE_MS = 1_500;

/** From the spawn to the first good answer to /readyz, on a database that is migrated. */
export const start: Scenario = {
  name: "start",
  rows: ["start-postgres", "start-cached", "memory-cached"],
  async run(lab, findings) {
    const databaseUrl = await lab.newDatabase();
    await using telegram = await openTelegram();
    for (let round = 1; round <= lab.options.rounds; round++) {
      const floor = await Subject.floor(lab, telegram);
      findings.add("floor", { "start-postgres": floor.readyMs });
      await floor.dispose();
      const ours = await Subject.ours(lab, { telegram, databaseUrl });
      findings.add("ours", { "start-postgres": ours.readyMs });
      await ours.dispose();
    }
    const env = { NODE_COMPILE_CACHE: path.join(lab.folder, "compile-cache") };
    for (let round = 0; round <= lab.options.rounds; round++) {
      const cached = await Subject.ours(lab, { telegram, databaseUrl, env });
      await sleep(SETTLE_MS);
      // The first one fills the cache when it ends.
      if (round > 0)
        findings.add("ours", { "start-cached": cached.readyMs, "memory-cached": cached.memoryMb("VmRSS") });
      await cached.dispose();
    }
    await lab.dropDatabase(databaseUrl);
    findings.note(["start-cached", "memory-cached"], "NODE_COMPILE_CACHE, from the second start on");
    findings.note(["start-postgres"], "the floor is ready at its first poll");
  },
};
