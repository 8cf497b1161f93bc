import { expect, test } from "vitest";
import { steerInto } from "../../src/store/run-levels.ts";
import { stopSession } from "../../src/store/talk-sessions.ts";
import { storeEngines } from "../support/store-engines.ts";
import { accept, newTalk, say, startRun } from "./arrange.ts";

storeEngines((store) => {
  test("what comes after a stop does not join the run that was stopped", async () => {
    const talk = await newTalk(store.db);
    await accept(store.db, say(talk));
    const run = { ...(await startRun(store.db)), attempt: 1 };
    await accept(store.db, say(talk));
    expect(await steerInto(store.db, run)).toBe(1);
    await stopSession(store.db, talk.id);
    await accept(store.db, say(talk));
    expect(await steerInto(store.db, run)).toBe(0);
  });
});
