import { afterAll, beforeAll, expect, it } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

const settings = readSettings(`
agents: { tester: { models: [gpt-5_big, "mine.m?temperature=0.5"] } }
providers: { mine: { base_url: "http://127.0.0.1:1/v1" } }
`);
const platform = new FakePlatform();
const model = scriptedModel();
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway;

beforeAll(async () => {
  database = await createTestDatabase();
  running = await startTestGateway({ url: database.url, model, adapters: [platform], settings });
  await platform.listening();
});
afterAll(async () => {
  await running.stop(0);
  await database.drop();
});

/** Says it and gives what is answered. */
async function ask(text: string, chat = "7"): Promise<string> {
  const before = platform.messages(chat).length;
  if (!text.startsWith("/")) model.push("Hi.");
  await platform.say({ chat, from: chat, text });
  await until("an answer", () => platform.messages(chat).length > before);
  await until("the end", async () => {
    return (await running.database.db.selectFrom("lanes").select("lane").execute()).length === 0;
  });
  return platform.messages(chat).at(-1)?.text ?? "";
}

const asked = () => ({ model: model.requests.at(-1)?.model, temperature: model.requests.at(-1)?.sampling.temperature });

it("people choose the model of their talk from the operator's list, and go back", async () => {
  expect(await ask("/model")).toBe(
    "1. **gpt-5\\_big**\n2. **mine.m?temperature=0.5**\n• **default** – what was set for the agent ← this one\n\n" +
      "Choose one for this talk with /model and its number, for example /model 2.",
  );
  for (const wrong of ["3", "0", "gpt-6"]) {
    expect(await ask(`/model ${wrong}`)).toBe("There is no such model. /model lists them.");
  }
  await ask("hello");
  expect(asked()).toEqual({ model: null, temperature: undefined });
  expect(await ask("/model 2")).toBe("From now on **mine.m?temperature=0.5** answers in this talk.");
  expect(await ask("/model")).toContain("2. **mine.m?temperature=0.5** ← this one\n• **default** – what");
  await ask("hello again");
  expect(asked()).toEqual({ model: "mine.m", temperature: 0.5 });
  // Of this talk alone.
  await ask("hello", "8");
  expect(asked().model).toBeNull();
  await ask("/new");
  await ask("a new talk");
  expect(asked().model).toBeNull();
  await ask("/sessions 2");
  await ask("the old one");
  expect(asked().model).toBe("mine.m");
  expect(await ask("/model default")).toBe("In this talk the agent's usual model answers again.");
  await ask("and now");
  expect(asked().model).toBeNull();
});

it("what the operator no longer offers is not asked", async () => {
  await ask("/model 1", "9");
  await running.database.db
    .updateTable("talk_sessions")
    .set({ model: "mine.gone" })
    .where("model", "=", "gpt-5_big")
    .execute();
  await ask("hello", "9");
  expect(asked().model).toBeNull();
  expect(await ask("/model", "9")).toContain("← this one\n\n");
});
