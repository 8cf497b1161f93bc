import { expect, test } from "vitest";
import { noteQueued, runLevels, steerInto } from "../../src/store/run-levels.ts";
import { stopSession } from "../../src/store/talk-sessions.ts";
import { storeEngines } from "../support/store-engines.ts";
import { accept, newChat, newTalk, say, sayIn, startRun } from "./arrange.ts";

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

  test("people are to be told of what has waited for a second in their chat, once", async () => {
    const chat = await newChat(store.db);
    await accept(store.db, sayIn(chat));
    const run = { ...(await startRun(store.db)), attempt: 1 };
    const level = async () => (await runLevels(store.db, [run]))[0];
    expect(await level()).toMatchObject({ waits: false, untold: false });
    await accept(store.db, sayIn(chat), say({ id: chat.sessionId, userId: chat.userId }));
    expect(await level()).toMatchObject({ waits: true, untold: false });
    await store.db
      .updateTable("inbox")
      .set({ received_at: new Date(Date.now() - 60_000) })
      .execute();
    expect(await level()).toMatchObject({ waits: true, untold: true });
    expect(await noteQueued(store.db, run)).toMatchObject({ language: "" });
    // What came over the API is nobody's message in a chat.
    expect(await level()).toMatchObject({ waits: true, untold: false });
  });
});
