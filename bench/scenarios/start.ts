import { openTelegram } from "../conditions.ts";
import type { Scenario } from "../scenario.ts";
import { Subject } from "../subject.ts";

/** From the spawn to the first good answer to /readyz, on a database that is migrated, from the second start after an install on. */
export const start: Scenario = {
  name: "start",
  rows: ["start-postgres"],
  async run(lab, findings) {
    const databaseUrl = await lab.newDatabase();
    await using telegram = await openTelegram();
    // Fills the cache of compiled code, as the first start after an install does.
    await (await Subject.ours(lab, { telegram, databaseUrl })).dispose();
    for (let round = 1; round <= lab.options.rounds; round++) {
      const floor = await Subject.floor(lab, telegram);
      findings.add("floor", { "start-postgres": floor.readyMs });
      await floor.dispose();
      const ours = await Subject.ours(lab, { telegram, databaseUrl });
      findings.add("ours", { "start-postgres": ours.readyMs });
      await ours.dispose();
    }
    await lab.dropDatabase(databaseUrl);
    findings.note(["start-postgres"], "the floor is ready at its first poll");
  },
};
