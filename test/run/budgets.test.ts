import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sql } from "kysely";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, finish, hold, type ModelStep, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from "../support/test-gateway.ts";

let made: Awaited<ReturnType<typeof createTestDatabase>>;
let platform: FakePlatform;
const running: TestGateway[] = [];

beforeEach(async () => {
  made = await createTestDatabase();
  platform = new FakePlatform();
});
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop(0);
  await made.drop();
});

async function start(
  settings: string,
  model: ReturnType<typeof scriptedModel>,
  more: Partial<TestGatewayOptions> = {},
): Promise<TestGateway> {
  const settled = readSettings(settings);
  const options = { url: made.url, adapters: [platform], model, settings: settled, ...more };
  const started = await startTestGateway(options);
  running.push(started);
  if (options.adapters.length > 0) await platform.listening();
  return started;
}

const db = () => running.at(-1)!.database.db;
const used = (tokens: number) => finish("stop", { inputTokens: tokens - 1, outputTokens: 1 });
const answers = (count: number, tokens: number) =>
  scriptedModel(...Array.from({ length: count }, (): ModelStep => ["An answer.", used(tokens)]));
const ask = (chat: string, text = "well?", from = chat) => platform.say({ chat, from, text });
const texts = (chat: string) => platform.messages(chat).map(({ text }) => text);
const tokensOf = async (scope: string) => {
  const row = await db().selectFrom("budget_counters").select("tokens").where("scope", "=", scope).executeTakeFirst();
  return row?.tokens ?? 0;
};
const heldNow = async () => {
  const { rows } = await sql<{ n: number }>`
    select count(*) as n from runs where state in ('running', 'waiting') and budget is not null`.execute(db());
  return rows[0]!.n;
};

describe("security-22: a budget", () => {
  it("of a person ends for the day: the model is not asked, and they are told when it begins anew", async () => {
    const model = answers(3, 60);
    const gateway = await start("budgets: { person: { tokens_per_day: 100 } }", model);
    for (const count of [1, 2]) {
      await ask("7");
      await until(`answer ${count}`, () => texts("7").filter((text) => text === "An answer.").length === count);
    }
    await ask("7", "and now?");
    const told =
      /^⚠️ Your budget for today is used up, so I did not answer this\. It begins anew in \d+ h \(00:00 UTC\)/;
    await until("the refusal", () => texts("7").some((text) => told.test(text)));
    expect(model.requests).toHaveLength(2);
    await ask("8");
    await until("the other's answer", () => texts("8").length === 1);
    expect(texts("8")).toEqual(["An answer."]);
    expect(await gateway.metrics.render()).toContain('parley_budget_refusals_total{scope="person"} 1');
  });

  it("counts what sums a talk up, and has none summed up when it is used up", async () => {
    const model = scriptedModel(["One.", used(60)], ["Two.", used(60)], ["What was said.", used(90)]);
    await start("budgets: { person: { tokens_per_day: 200 } }", model);
    const refusals = () => texts("7").filter((text) => text.includes("is used up, so")).length;
    for (const answer of ["One.", "Two."]) {
      await ask("7");
      await until(answer, () => texts("7").includes(answer));
    }
    await ask("7", "/compact");
    await until("the summary", () => texts("7").some((text) => text.startsWith("I summed up 4 messages")));
    const [person] = await db().selectFrom("budget_counters").select("scope").execute();
    await until("its tokens", async () => (await tokensOf(person!.scope)) === 210);
    for (const count of [1, 2, 3, 4]) {
      await ask("7");
      await until(`refusal ${count}`, () => refusals() === count);
    }
    await ask("7", "/compact");
    await until("the last refusal", () => refusals() === 5);
    expect(model.requests).toHaveLength(3);
  });

  it("is told of once when it is nearly used", async () => {
    await start("budgets: { person: { tokens_per_day: 100 } }", answers(3, 40));
    for (const count of [1, 2, 3]) {
      await ask("7");
      await until(`answer ${count}`, () => texts("7").filter((text) => text === "An answer.").length === count);
    }
    const warnings = texts("7").filter((text) => text.startsWith("⚠️"));
    expect(warnings).toEqual([
      expect.stringMatching(/^⚠️ Your budget for today is 80 % used\. It begins anew in \d+ h\.$/),
    ]);
  });

  it("in money counts what has a price", async () => {
    const model = answers(3, 1_000_001);
    await start("prices: { scripted: { input: 2, output: 2 } }\nbudgets: { gateway: { money_per_day: 1.5 } }", model);
    await ask("7");
    await until("the answer", () => texts("7").length === 1);
    await ask("8");
    await until("the refusal", () => texts("8").length === 1);
    expect(texts("8")[0]).toContain("My budget for today is used up");
  });

  it("of a person holds in groups, for what they wrote alone", async () => {
    const gate = hold();
    const model = scriptedModel(["An answer.", used(100)], ["First.", gate, used(1)], (request: ModelRequest) => [
      `${request.messages
        .at(-1)
        ?.parts.map((part) => (part.type === "text" ? part.text : ""))
        .join("")}`,
      used(1),
    ]);
    await start("budgets: { person: { tokens_per_day: 100 } }", model);
    const say = (from: string, text: string) =>
      platform.say({ chat: "-1", from, text, kind: "group", addressed: true });
    await ask("7");
    await until("the answer", () => texts("7").length === 1);
    await say("8", "hello");
    await gate.reached;
    await say("9", "and I?");
    await say("7", "me too");
    gate.release();
    await until("the refusal", () => texts("-1").some((text) => text.includes("Your budget for today is used up")));
    await until("the other's answer", () => texts("-1").some((text) => text.includes("and I?")));
    expect(texts("-1").filter((text) => text.includes("me too"))).toEqual([]);
  });

  it("of a chat and of an agent may be set for one alone", async () => {
    const settings = `
places: { "telegram:-1": { budget: { tokens_per_day: 10 } } }
agents: { tester: { budget: { tokens_per_day: 40 } } }`;
    await start(settings, answers(5, 20));
    const say = (chat: string) => platform.say({ chat, from: "7", text: "well?", kind: "group", addressed: true });
    for (const chat of ["-1", "-2"]) {
      await say(chat);
      await until("the answer", () => texts(chat).includes("An answer."));
    }
    await say("-1");
    await until("the refusal", () =>
      texts("-1").some((text) => text.includes("This chat's budget for today is used up")),
    );
    await say("-2");
    await until("the other", () =>
      texts("-2").some((text) => text.includes("This agent's budget for today is used up")),
    );
  });

  it("of runs at once lets the others wait, tells them so, and answers in the end", async () => {
    const gate = hold();
    const model = scriptedModel(["One", gate, "."], "Two.");
    await start("budgets: { gateway: { concurrent_runs: 1 } }", model);
    await ask("7");
    await gate.reached;
    await ask("8");
    await until("the receipt", () => texts("8").length === 1);
    expect(texts("8")).toEqual(["⏳ This is a lot at once. I answer it as soon as I may."]);
    gate.release();
    await until("the answer", () => texts("8").join() === "Two.");
  });

  it("of runs a minute lets the others wait", async () => {
    const model = answers(9, 1);
    await start("budgets: { person: { runs_per_minute: 1 } }", model);
    await ask("7");
    await until("the answer", () => texts("7").length === 1);
    const minute = async () => (await db().selectFrom("budget_counters").select("minute").execute())[0]!.minute;
    const before = await minute();
    await ask("7");
    await until("the lane to wait, or a new minute", async () => {
      const { rows } = await sql`select from lanes where owner is null and ready_at > now() + interval '1 s'`.execute(
        db(),
      );
      return rows.length === 1 || model.requests.length > 1;
    });
    expect(model.requests).toHaveLength((await minute())?.getTime() === before?.getTime() ? 1 : 2);
  });

  it("of one run ends it in closing words", async () => {
    const tools = scriptedTools({ look: { answer: "seen" } });
    const model = scriptedModel(...[1, 2, 3].map((n): ModelStep => [callTool("look", { n }, `c${n}`), used(60)]));
    await start("budgets: { run: { tokens: 100 } }", model, { tools });
    await ask("7");
    await until("the end", () => texts("7").some((text) => text.includes("this has used what one answer may use")));
    expect(model.requests).toHaveLength(2);
  });

  it("holds no more than before when its process is gone; whoever goes on counts all that was used", async () => {
    const gate = hold();
    const settings = "budgets: { person: { tokens_per_day: 500 }, run: { tokens: 400 } }";
    const tools = (answer: () => Promise<string>) => scriptedTools({ look: { answer } });
    const first = await start(settings, scriptedModel([callTool("look"), used(100)]), {
      tools: tools(async () => gate.enter().then(() => "seen")),
    });
    await ask("7");
    await gate.reached;
    const [person] = await db().selectFrom("budget_counters").select("scope").execute();
    await first.stop(0);
    running.splice(0);
    gate.release();
    platform = new FakePlatform();
    await start(settings, scriptedModel(["Seen.", used(50)]), { tools: tools(async () => "seen") });
    await until("the answer", () => texts("7").includes("Seen."));
    await until("the merge", async () => (await heldNow()) === 0);
    expect(await tokensOf(person!.scope)).toBe(150);
  });

  it("lets nobody begin while its counters cannot be read, and everybody after that", async () => {
    const model = answers(5, 10);
    await start("budgets: { gateway: { tokens_per_day: 100 } }", model);
    await sql`alter table budget_counters rename to elsewhere`.execute(db());
    await ask("7", "one");
    await until("the lane to be set aside", async () => {
      const { rows } = await sql`select from lanes where ready_at > now() + interval '10 s'`.execute(db());
      return rows.length === 1;
    });
    expect(model.requests).toHaveLength(0);
    await sql`alter table elsewhere rename to budget_counters`.execute(db());
    await ask("7", "two");
    await until("the answer", () => texts("7").includes("An answer."));
    expect(model.requests[0]!.messages.map(textOf).join(" ")).toContain("one");
  });

  it("is not counted where nobody has set one", async () => {
    await start("", answers(1, 10));
    await ask("7");
    await until("the answer", () => texts("7").length === 1);
    expect(await db().selectFrom("budget_counters").selectAll().execute()).toEqual([]);
    expect(await db().selectFrom("runs").select("budget").execute()).toEqual([{ budget: null }]);
  });
});

/** Fifty people ask at once, on two replicas; resolves when ten are being answered and the others were looked at. */
async function fiftyAsk(settings: string): Promise<{ requests: () => number; release: () => void }> {
  const holds = Array.from({ length: 50 }, () => hold());
  const model = scriptedModel(...holds.map((each): ModelStep => [each, "An answer.", used(100)]));
  await start(settings, model, { adapters: [] });
  await start(settings, model, { adapters: [] });
  const service = running.map(({ gateway }) => gateway.service);
  const talks = await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      const user = await service[0]!.actFor(`user ${n}`);
      return { user, id: (await service[0]!.createTalkSession(user)).id };
    }),
  );
  await Promise.all(talks.map(({ user, id }, n) => service[n % 2]!.addMessage(user, id, { text: "well?" })));
  await until("ten to begin", () => model.requests.length === 10);
  await until("all others to be looked at", async () => {
    const { rows } = await sql<{ n: number }>`
      select count(*) as n from lanes where owner is null and lease_no > 0`.execute(db());
    return rows[0]!.n === 40;
  });
  return { requests: () => model.requests.length, release: () => holds.forEach((each) => each.release()) };
}

const allEnded = () =>
  until("the end", async () => {
    const { rows } = await sql<{ n: number }>`select count(*) as n from runs where ended_at is not null`.execute(db());
    return rows[0]!.n === 50;
  });

it("security-22: of 50 at once on two replicas 10 begin, and what they used lets no other begin that day", async () => {
  const { requests, release } = await fiftyAsk("budgets: { gateway: { tokens_per_day: 1000 }, run: { tokens: 100 } }");
  expect(requests()).toBe(10);
  release();
  await allEnded();
  const ended = await db().selectFrom("runs").select(["state", "error_code"]).execute();
  expect(ended.filter(({ state }) => state === "completed")).toHaveLength(10);
  expect(ended.filter(({ error_code: code }) => code === "over_budget")).toHaveLength(40);
  expect(requests()).toBe(10);
  expect(await tokensOf("gateway")).toBe(1_000);
});

it("security-22: of 50 at once on two replicas no more than 10 are answered at a time, and all in the end", async () => {
  const { requests, release } = await fiftyAsk("budgets: { gateway: { concurrent_runs: 10 } }");
  expect([requests(), await heldNow()]).toEqual([10, 10]);
  release();
  await allEnded();
  expect([requests(), await heldNow()]).toEqual([50, 0]);
});
