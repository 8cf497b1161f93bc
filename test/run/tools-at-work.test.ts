import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listTrouble } from "../../src/store/troubled-pages.ts";
import { stopValue } from "../../src/platform/stop-button.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, hold, type ModelStep, scriptedModel, think } from "../fakes/scripted-model.ts";
import { type ScriptedTool, scriptedTools, untilAbort } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
const running: TestGateway[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop(0);
  await database.drop();
});

/** A tool that ends when the test says so. */
function controlled(): ScriptedTool & { end(): void; fail(): void } {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return {
    answer: (_args, signal) => Promise.race([promise, untilAbort(signal)]),
    end: () => resolve("done"),
    fail: () => reject(new Error("it broke")),
  };
}

async function start(
  platform: FakePlatform,
  model: ReturnType<typeof scriptedModel>,
  tools = {},
): Promise<TestGateway> {
  const options = { url: database.url, model, adapters: [platform], tools: scriptedTools(tools) };
  const gateway = await startTestGateway(options);
  running.push(gateway);
  await platform.listening();
  return gateway;
}

async function ask(
  platform: FakePlatform,
  tools: Record<string, ScriptedTool>,
  ...steps: ModelStep[]
): Promise<TestGateway> {
  const gateway = await start(platform, scriptedModel(...steps), tools);
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  return gateway;
}

const texts = (platform: FakePlatform) => platform.messages("7").map(({ text }) => text);
const shows = (platform: FakePlatform, ...wanted: string[]) =>
  until(`the chat to show ${JSON.stringify(wanted)}`, () => JSON.stringify(texts(platform)) === JSON.stringify(wanted));

const ANSWER = "It will rain, so take an umbrella.";

describe("while a tool works", () => {
  it("its line is the first message where nothing was said, and gives way to the answer", async () => {
    const platform = new FakePlatform();
    const search = controlled();
    const pause = hold();
    await ask(platform, { search }, callTool("search", { query: "rain" }), [ANSWER, pause, " Yes."]);
    await shows(platform, "⏳ search: `rain`");
    search.end();
    await shows(platform, `${ANSWER}\n\n🔧 1 tool`);
    pause.release();
    await shows(platform, `${ANSWER} Yes.`);
    expect(platform.messages("7")).toHaveLength(1);
  });

  it("nothing is shown of one that is quick", async () => {
    const platform = new FakePlatform();
    await ask(platform, { search: { answer: "done" } }, callTool("search", { query: "rain" }), ANSWER);
    await shows(platform, ANSWER);
    expect(platform.messages("7")[0]?.history.filter((text) => text.startsWith("✓"))).toEqual([]);
  });

  it("the history has none of its lines", async () => {
    const platform = new FakePlatform();
    const search = controlled();
    const steps = ["Let me have a look at the sky.", callTool("search", { query: "rain" })];
    const { database: store } = await ask(platform, { search }, steps, ANSWER);
    await shows(platform, "Let me have a look at the sky.\n\n⏳ search: `rain`");
    search.fail();
    await shows(platform, `Let me have a look at the sky.\n\n${ANSWER}\n\n⚠️ No result from: search.`);
    const rows = await store.db.selectFrom("messages").select(["role", "parts"]).orderBy("seq").execute();
    expect(JSON.stringify(rows)).not.toMatch(/⏳|✗|🔧|⚠️/u);
  });

  it("what the model thinks is in no chat and no history", async () => {
    const platform = new FakePlatform();
    const pause = hold();
    const { database: store } = await ask(platform, {}, [think("HMM"), "Let me think.", pause, think("HMM"), " Done."]);
    await shows(platform, "Let me think.");
    pause.release();
    await shows(platform, "Let me think. Done.");
    expect(JSON.stringify(platform.messages("7"))).not.toContain("HMM");
    const rows = await store.db.selectFrom("messages").selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain("HMM");
  });

  it("an answer that only its line would put on another page stays as it is", async () => {
    const platform = new FakePlatform({ textLimit: 35 });
    const search = controlled();
    await ask(platform, { search }, ["Let me have a look at the sky.", callTool("search")], ANSWER);
    await shows(platform, "Let me have a look at the sky.");
    await new Promise((resolve) => setTimeout(resolve, 300));
    search.end();
    await until("the answer", () => texts(platform).join("") === `Let me have a look at the sky.\n\n${ANSWER}`);
    expect(
      platform
        .everyMessage("7")
        .flatMap((message) => message.history.join())
        .join(),
    ).not.toContain("⏳");
  });

  it("a stop leaves a word where its line stood", async () => {
    const platform = new FakePlatform({ buttons: true });
    await ask(platform, { search: controlled() }, callTool("search", { query: "rain" }));
    await shows(platform, "⏳ search: `rain`");
    const [message] = platform.messages("7");
    const { stop } = message!.rich as { stop: string };
    await platform.press({ chat: "7", from: "7", value: stop, messageId: message!.messageId });
    await until("it to be told", () => texts(platform).includes("⏹ Stopped."));
    expect(platform.messages("7").map(({ text, rich }) => ({ text, rich }))).toContainEqual({
      text: "⏹ Stopped.",
      rich: undefined,
    });
  });

  it("another replica takes over in the same message, and tells of what is finished", async () => {
    const platform = new FakePlatform({ buttons: true });
    const [first, second] = [{ answer: "done" }, controlled()];
    const model = scriptedModel(
      ["Let me have a look at the sky.", callTool("first")],
      callTool("second", { query: "rain" }),
      ANSWER,
    );
    const gateway = await start(platform, model, { first, second });
    await platform.say({ chat: "7", from: "7", text: "tell me" });
    await until("the second tool", () => texts(platform)[0]?.endsWith("⏳ second: `rain`") ?? false);
    const again = controlled();
    running.splice(0);
    await gateway.stop(0);
    expect(platform.messages("7")[0]?.rich).toMatchObject({ stop: expect.stringContaining("stop:run_") });
    await start(platform, model, { first, second: again });
    await until("the second tool again", () => (platform.messages("7")[0]?.history.length ?? 0) > 1);
    again.end();
    await shows(platform, `Let me have a look at the sky.\n\n${ANSWER}`);
    expect(platform.messages("7")[0]?.rich).toBeUndefined();
  });
});

it("a take-over may say less than the line of a tool did", async () => {
  const platform = new FakePlatform();
  const [search, pause] = [controlled(), hold()];
  const model = scriptedModel(callTool("search", { query: "rain" }), ["Rain.", pause]);
  const gateway = await start(platform, model, { search });
  await platform.say({ chat: "7", from: "7", text: "tell me" });
  await shows(platform, "⏳ search: `rain`");
  running.splice(0);
  await gateway.stop(0);
  await start(platform, model, { search: { answer: "done" } });
  await shows(platform, "Rain.\n\n🔧 1 tool");
  pause.release();
  await shows(platform, "Rain.");
});

describe("the button that stops an answer", () => {
  it("stands under the first text, and is gone in the end although nothing else differs", async () => {
    const platform = new FakePlatform({ buttons: true });
    const pause = hold();
    const { database: store } = await ask(platform, {}, [ANSWER, pause]);
    await shows(platform, ANSWER);
    const run = await store.db.selectFrom("runs").select("id").executeTakeFirstOrThrow();
    expect(platform.messages("7")[0]?.rich).toEqual({ stop: stopValue(run.id) });
    pause.release();
    await until("it to be gone", () => platform.messages("7")[0]?.rich === undefined);
    expect(await listTrouble(store.db, { limit: 10 })).toEqual([]);
  });

  it("costs no call of its own where the last text differs anyway", async () => {
    const platform = new FakePlatform({ buttons: true });
    const pause = hold();
    await ask(platform, {}, [ANSWER, pause, " Yes."]);
    await shows(platform, ANSWER);
    const edits: unknown[] = [];
    const editing = { ...platform.editing };
    platform.editing.edit = (at, page) => (edits.push(page), editing.edit(at, page));
    pause.release();
    await until("it to be gone", () => platform.messages("7")[0]?.rich === undefined);
    expect(edits.length).toBeLessThanOrEqual(2);
    expect(edits.at(-1)).toEqual({ text: `${ANSWER} Yes.` });
  });

  it("goes away from an answer that failed", async () => {
    const platform = new FakePlatform({ buttons: true });
    const pause = hold();
    await ask(platform, {}, [ANSWER, pause, { type: "failed", failure: { kind: "refused", message: "No." } }] as never);
    await shows(platform, ANSWER);
    pause.release();
    await until("the end", () => texts(platform)[0]?.includes("⚠️ No.") ?? false);
    expect(platform.messages("7")[0]?.rich).toBeUndefined();
  });
});
