import { it } from "vitest";
import { Stage } from "../support/chaos/stage.ts";
import { answerTo, measured, shortenings } from "../support/chaos/verdict.ts";
import { startPostgres } from "../support/postgres.ts";
import type { PostgresServer } from "../support/postgres-server.ts";

const OUTAGE_MS = 12_000;
const CHATS = [41, 42, 43, 44];
/** Speaks for about 16 s: when the database is back, every answer is still under way. */
const WORDS = 60;
const LONG = { words: WORDS, chunkChars: 4, chunkEveryMs: 150 };

const OUTAGES: { how: string; begin: (server: PostgresServer) => unknown; end: (server: PostgresServer) => unknown }[] =
  [
    { how: "does not answer", begin: (server) => server.freeze(), end: (server) => server.thaw() },
    { how: "is not there", begin: (server) => server.kill(), end: (server) => server.restart() },
  ];

// They wait more than they work, so they do it side by side.
for (const { how, begin, end } of OUTAGES) {
  it.concurrent(`takes over no live run, and completes each, after 12 s in which the database ${how}`, async (test) => {
    const { expect } = test;
    const server = await startPostgres({ fsync: false });
    test.onTestFinished(() => server.stop());
    const stage = await Stage.open({ databaseUrl: server.url, model: LONG }, test);
    const [a, b] = await stage.startTwo();
    for (const id of CHATS) {
      const person = stage.telegram.user(id, `P${id}`);
      stage.telegram.say({ chat: stage.telegram.privateChat(person), from: person, text: `hello ${id}` });
    }
    const messages = await Promise.all(CHATS.map((chat) => stage.botMessage(chat)));
    await begin(server);
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    await end(server);
    const backAt = Date.now();
    const edited = () => messages.every((message) => message.versions.at(-1)!.at > backAt);
    await stage.telegram.until(edited, 20_000);
    measured("database back to an edit in every chat", Date.now() - backAt);

    const whole = (chat: number) => answerTo(`hello ${chat}`, WORDS);
    await stage.telegram.until(() => CHATS.every((chat, index) => messages[index]!.text === whole(chat)), 30_000);
    for (const [index, chat] of CHATS.entries()) {
      expect(stage.telegram.botMessages(chat)).toEqual([messages[index]]);
      expect(shortenings(messages[index]!)).toEqual([]);
      expect(stage.asked(`hello ${chat}`)).toHaveLength(1);
    }
    expect(await stage.rows("select distinct state, attempt, crashes from runs")).toEqual([
      { state: "completed", attempt: 1, crashes: 0 },
    ]);
    expect([a, b].map(({ process }) => process.running)).toEqual([true, true]);
    stage.model.script(() => ({ chunkEveryMs: 5 }));
    stage.telegram.say({ chat: CHATS[0]!, from: stage.telegram.user(CHATS[0]!), text: "again" });
    const next = await stage.botMessage(CHATS[0]!, 1);
    await stage.telegram.until(() => next.text === answerTo("again", WORDS));
  });
}
