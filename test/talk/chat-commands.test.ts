import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import { NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import type { Agents } from "../../src/agent/agents.ts";
import { accountId, newId } from "../../src/ids.ts";
import { upsertIdentity } from "../../src/store/identities.ts";
import { upsertPlace } from "../../src/store/places.ts";
import { textsFor } from "../../src/texts/texts.ts";
import { runChatCommand } from "../../src/talk/chat-commands.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createTestDatabase();
  gateway = await startTestGateway({ url: database.url, model: scriptedModel() });
});
afterAll(async () => {
  await gateway.stop(0);
  await database.drop();
});

it.each(["status", "sessions"] as const)("/%s shows a title as the words it is, not as Markdown", async (command) => {
  const { db } = gateway.database;
  const { userId } = await upsertIdentity(db, "telegram", "7", "Ann");
  const where = { chat: command, thread: "", kind: "group", title: "a group" } as const;
  const place = await upsertPlace(db, accountId("telegram", "1"), where, userId, "tester");
  const title = "**[Click here](https://evil.test)**";
  await db.updateTable("talk_sessions").set({ title }).where("id", "=", place.sessionId).execute();
  const answer = await runChatCommand(
    { db, agents: {} as Agents, place, sign: "/", texts: textsFor(""), onBusy: "interrupt" },
    command,
    "",
  );
  expect(answer).toContain(String.raw`\*\*\[Click here\](https://evil.test)\*\*`);
});

describe("in a chat", () => {
  const scene = async (chat: string, language = "", cards = ["tester", "editor"]) => {
    const { db } = gateway.database;
    const { userId } = await upsertIdentity(db, "telegram", chat, "Ann");
    const where = { chat, thread: "", kind: "private", title: "" } as const;
    const place = await upsertPlace(db, accountId("telegram", "1"), where, userId, "tester");
    const all = cards.map((name) => ({ name, description: `is the *${name}*` }) as AgentCard);
    const agents = {
      list: () => all,
      get: (name: string) => all.find((card) => card.name === name) ?? null,
      default: () => all[0],
      settings: () => NO_SETTINGS,
      reload: async () => undefined,
    } as Agents;
    return { db, agents, place, sign: "/", texts: textsFor(language), onBusy: "steer" as const };
  };
  it("/trace names what an operator finds the last answer by", async () => {
    const at = await scene("trace");
    expect(await runChatCommand(at, "trace", "")).toBe("There is no answer here yet.");
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const made = { lane: 0, agent: "tester", policy: "interrupt", input_through: 1, session_id: at.place.sessionId };
    for (const [trace_id, age] of [
      ["0".repeat(32), 2],
      [trace, 1],
    ] as const) {
      const started_at = new Date(Date.now() - age * 1000);
      const run = {
        ...made,
        id: newId("run"),
        state: "completed" as const,
        trace_id,
        started_at,
        queued_at: started_at,
      };
      await at.db
        .insertInto("runs")
        .values(run as never)
        .execute();
    }
    expect(await runChatCommand(at, "trace", "")).toContain(`has the trace \`${trace}\` (run \`run_`);
  });

  const session = async ({ db, place }: Awaited<ReturnType<typeof scene>>) => {
    const { session_id: id } = await db
      .selectFrom("places")
      .select("session_id")
      .where("id", "=", place.id)
      .executeTakeFirstOrThrow();
    return db.selectFrom("talk_sessions").select(["agent", "title"]).where("id", "=", id).executeTakeFirstOrThrow();
  };

  it("/agent lists who can answer, and the one chosen answers also in the next new talk", async () => {
    const here = await scene("a1");
    expect(await runChatCommand(here, "agent", "")).toBe(
      "1. **tester** – is the \\*tester\\* ← this one\n2. **editor** – is the \\*editor\\*\n\n" +
        "Choose one with /agent and its number or name, for example /agent 2.",
    );
    expect(await runChatCommand(here, "agent", "3")).toBe("There is no such agent. /agent lists them.");
    expect(await runChatCommand(here, "agent", " EDITOR ")).toBe("From now on **editor** answers here.");
    expect((await session(here)).agent).toBe("editor");
    await runChatCommand(here, "new", "");
    expect((await session(here)).agent).toBe("editor");
    expect(await runChatCommand(here, "start", "")).toContain("Hello! I am **editor**.");
  });

  it("/model says that there is nothing to choose where the operator offers nothing", async () => {
    const here = await scene("mo1", "de");
    const none = "Für diesen Agenten stehen keine Modelle zur Wahl.";
    expect([await runChatCommand(here, "model", ""), await runChatCommand(here, "model", "1")]).toEqual([none, none]);
  });

  it("/mode says what can be set, sets it for this place alone, and goes back", async () => {
    const [here, there] = [await scene("m1"), await scene("m2")];
    expect(await runChatCommand(here, "mode", "loud")).toBe("There is no such mode. /mode lists them.");
    expect(await runChatCommand(here, "mode", "Queue")).toBe("**queue** – your message waits until the answer is done");
    expect(await runChatCommand(here, "mode", "")).toContain(
      "**queue** – your message waits until the answer is done ← this one",
    );
    expect(await runChatCommand(there, "mode", "")).toContain(
      "**steer** – your message joins the answer as soon as it can ← this one",
    );
    expect(await runChatCommand(here, "mode", "default")).toBe("I go by what was set for me again.");
    expect(await runChatCommand(here, "mode", "")).toBe(await runChatCommand(there, "mode", ""));
  });

  it("/title names the talk, on one line and no longer than a name", async () => {
    const here = await scene("t1");
    expect(await runChatCommand(here, "title", "")).toBe(
      "This talk is called **New talk**. Rename it with /title and the new name.",
    );
    expect(await runChatCommand(here, "title", "my\n*trip*")).toBe("This talk is called **my \\*trip\\*** now.");
    expect(await runChatCommand(here, "title", "\u0007")).toContain("is called **my");
    await runChatCommand(here, "title", "x".repeat(200));
    expect((await session(here)).title).toHaveLength(100);
  });

  it.each([
    ["ru", "Сейчас ничего не выполняется."],
    ["de-AT", "Gerade läuft nichts."],
    ["zh-hans", "目前没有正在进行的回答。"],
    ["pt-br", "Nothing is running."],
  ])("answers in the language %s", async (language, answer) => {
    expect(await runChatCommand(await scene(`l-${language}`, language), "stop", "")).toBe(answer);
  });
});
