import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";
import type { BusyPolicy } from "../../src/agent/busy-policy.ts";
import type { UserId } from "../../src/ids.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, type ModelStep, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { type ScriptedTools, scriptedTools } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from "../support/test-gateway.ts";

let made: Awaited<ReturnType<typeof createTestDatabase>>;
let platform: FakePlatform;
let model: ScriptedModel;
let tools: ScriptedTools;
const running: TestGateway[] = [];

beforeEach(async () => {
  made = await createTestDatabase();
  platform = new FakePlatform({ buttons: true });
  tools = scriptedTools({ look: { answer: "3 mails" }, send: { answer: "sent", readOnly: false, afterCrash: "skip" } });
});

afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop(0);
  await made.drop();
});

const ASKS = readSettings(`
agents: { tester: { approvals: { send: ask } } }
places: { "telegram:-100": { offer: ["*"], approvers: ["telegram:99"] } }
`);

async function start(steps: ModelStep[], options: Partial<TestGatewayOptions> = {}): Promise<TestGateway> {
  model = scriptedModel(...steps);
  return join(options);
}

/** One more replica, or the next process. */
async function join(options: Partial<TestGatewayOptions> = {}): Promise<TestGateway> {
  const settings = ASKS;
  const gateway = await startTestGateway({ url: made.url, model, adapters: [platform], tools, settings, ...options });
  running.push(gateway);
  return gateway;
}

const db = () => running.at(-1)!.database.db;
const SEND = callTool("send", { to: "ann@example.com", text: "hi" }, "c1");
const ASKED =
  "🔐 `tester` wants to use `send`:\n`to: ann@\u200bexample.com`\n`text: hi`\n\nPlease decide within 30 min.";
const shown = (chat = "7") => platform.messages(chat).map(({ text }) => text);
const states = async () =>
  (await db().selectFrom("runs").select("state").orderBy("started_at").execute()).map((r) => r.state);

async function ask(chat = "7", from = chat): Promise<void> {
  await platform.listening();
  const group = chat.startsWith("-") ? ({ kind: "group", addressed: true } as const) : {};
  await platform.say({ chat, from, text: "write to Ann", ...group });
  await until("the question", async () => choices(chat).length === 2 && (await states()).at(-1) === "waiting");
}

/** What the buttons that stand in the chat bring back. */
function choices(chat = "7"): string[] {
  return platform.messages(chat).flatMap(({ rich }) => (rich as { choices?: string[] } | undefined)?.choices ?? []);
}

async function press(which: "yes" | "no", from = "7", chat = "7", key?: string): Promise<void> {
  const at = platform.messages(chat).find(({ rich }) => (rich as { choices?: string[] } | undefined)?.choices)!;
  const value = (at.rich as { choices: string[] }).choices[which === "yes" ? 0 : 1]!;
  const group = chat.startsWith("-") ? ({ kind: "group" } as const) : {};
  await platform.press({ chat, from, value, messageId: at.messageId, ...group, ...(key ? { key } : {}) });
}

const answered = (text: string, chat = "7") => until(`"${text}"`, () => shown(chat).at(-1) === text);

/** Roles and results of the session's history. */
async function history(): Promise<string[]> {
  const rows = await db().selectFrom("messages").select(["role", "parts"]).orderBy("seq").execute();
  return rows.map(
    ({ role, parts }) => `${role}: ${parts.map((part) => ("text" in part ? part.text : part.type)).join(" ")}`,
  );
}

describe("a tool that asks", () => {
  it("is called once when its person approves, with what they saw; the run costs nothing meanwhile", async () => {
    await start([[callTool("look", {}, "c0"), SEND], "Done."]);
    await ask();
    expect(shown()).toEqual([ASKED]);
    await platform.say({ chat: "7", from: "7", text: "/status" });
    await until("the status", () => shown().at(-1)!.endsWith("I wait for a decision: see the question above."));
    expect(tools.calls.map(({ tool }) => tool)).toEqual(["look"]);
    expect(await db().selectFrom("lanes").select(["owner", "lease_until"]).execute()).toEqual([
      { owner: null, lease_until: null },
    ]);
    await press("yes");
    await answered("Done.");
    expect(shown()[0]).toBe(ASKED.replace("Please decide within 30 min.", "✅ Approved by `7`."));
    expect(choices()).toEqual([]);
    expect(tools.calls.map(({ tool, args }) => [tool, args])).toEqual([
      ["look", "{}"],
      ["send", '{"to":"ann@example.com","text":"hi"}'],
    ]);
    expect(await history()).toEqual([
      "user: write to Ann",
      "assistant: tool_call tool_call",
      "tool: 3 mails",
      "tool: sent",
      "assistant: Done.",
    ]);
    expect((await running[0]!.metrics.takeovers.get()).values.map(({ value }) => value)).toEqual([0]);
    expect((await db().selectFrom("runs").select(["attempt", "crashes"]).execute())[0]).toEqual({
      attempt: 2,
      crashes: 0,
    });
  });

  it("leaves the answer below the question, though it had begun above", async () => {
    await start([["Mail it.", SEND], "It is done."]);
    await ask();
    expect(shown()).toEqual(["Mail it.", ASKED]);
    await press("yes");
    await answered("Mail it.\n\nIt is done.");
    await until("the draft to be gone", () => shown().length === 2);
    expect(shown()[0]).toContain("✅ Approved by `7`.");
  });

  it("shows what was said before it, however short, and a stop marks that", async () => {
    await start([["I see.", SEND], "It is done."]);
    await ask();
    expect(shown()).toEqual(["I see.", ASKED]);
    await platform.say({ chat: "7", from: "7", text: "/stop" });
    await until("the mark", () => shown()[0] === "I see.\n\n⏹ Stopped.");
    await until("the question to be closed", () => shown()[1]!.includes("⏹ No longer needed"));
    expect(shown()[2]).toBe("⏹ Stopped.");
    expect(shown()).toHaveLength(3);
  });

  it("is not called when they deny it, and the model learns so", async () => {
    await start([SEND, "As you wish."]);
    await ask();
    await press("no");
    await answered("As you wish.");
    expect(tools.calls).toEqual([]);
    expect(shown()[0]).toContain("❌ Denied by `7`.");
    expect((await history())[2]).toMatch(/^tool: Not called: the person who was asked has denied it/);
  });

  it("security-19: is decided in a group by those who asked or were named, and by nobody else", async () => {
    await start([SEND, "Done."]);
    await ask("-100", "1");
    await press("yes", "2", "-100");
    expect(platform.told).toEqual(["2: Only whoever asked, or somebody the operator has named, can decide this."]);
    expect(await states()).toEqual(["waiting"]);
    await press("yes", "99", "-100");
    await answered("Done.", "-100");
    expect(tools.calls).toHaveLength(1);
  });

  it("security-19: is not called with other arguments than were approved", async () => {
    await start([SEND, "Not sent."]);
    await ask();
    const changed = sql`
      update run_events set data = replace(data::text, 'ann@example.com', 'eve@example.com')::jsonb
      where type = 'message.completed'`;
    expect((await changed.execute(db())).numAffectedRows).toBe(1n);
    await press("yes");
    await answered("Not sent.\n\n⚠️ No result from: send.");
    expect(tools.calls).toEqual([]);
    expect((await history())[2]).toBe("tool: Not called: nobody has approved this call with these arguments.");
  });

  it("security-19: is called once, however often its button is pressed, on however many replicas", async () => {
    const first = await start([SEND, "Done."]);
    const second = await join({ adapters: [] });
    await ask();
    const [question] = await db().selectFrom("approvals").select(["id", "session_id"]).execute();
    const [{ id: user }] = (await db().selectFrom("users").select("id").execute()) as [{ id: UserId }];
    const both = [first, second].map(({ gateway }) => {
      return gateway.service.decideApproval(user, question!.session_id, question!.id, "approved");
    });
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    await answered("Done.");
    const value = `approve:${question!.id}`;
    for (const key of ["a", "a", "b"]) {
      await platform.press({ chat: "7", from: "7", value, messageId: platform.messages("7")[0]!.messageId, key });
    }
    expect(platform.told.at(-1)).toBe("7: This is decided already, or no longer needed.");
    expect(tools.calls).toHaveLength(1);
  });

  it("security-19: is not called when nobody decides in time", async () => {
    await start([SEND, "Nobody answered."]);
    await ask();
    await sql`update approvals set expires_at = now() - interval '1 second'`.execute(db());
    await press("yes");
    await sql`update lanes set ready_at = now()`.execute(db());
    await answered("Nobody answered.");
    await until("the question to be closed", () =>
      shown()[0]!.includes("⌛ Nobody decided in time, so it was not done."),
    );
    expect(tools.calls).toEqual([]);
    expect((await history())[2]).toBe("tool: Not called: nobody approved it in time.");
  });

  it("waits for its person through a restart", async () => {
    await start([SEND, "Done."]);
    await ask();
    await running.pop()!.stop(0);
    platform = new FakePlatform({ buttons: true });
    await join();
    await platform.listening();
    const [question] = await db().selectFrom("approvals").select("id").execute();
    await platform.press({ chat: "7", from: "7", value: `approve:${question!.id}`, messageId: "1", key: "later" });
    await until("the call", () => tools.calls.length === 1);
    await until("the end", async () => (await states())[0] === "completed");
  });

  it("asks again, to be repeated or skipped, when it was under way as its process ended", async () => {
    // It says nothing of what became of it.
    const silent = () => new Promise<string>(() => undefined);
    tools = scriptedTools({ send: { answer: silent, readOnly: false, afterCrash: "repeat" } });
    await start([SEND, "It may be sent."]);
    await ask();
    await press("yes");
    await until("the call", () => tools.calls.length === 1);
    await running.pop()!.stop(0);
    await join();
    await until("the question", () => choices().length === 2);
    expect(shown().at(-1)).toContain(
      "was using `send` when I was interrupted. It may have been done already. Do it again?",
    );
    await press("no", "7", "7", "later");
    await answered("It may be sent.");
    expect(tools.calls).toHaveLength(1);
    expect((await history())[2]).toMatch(/^tool: Outcome unknown: the call may have taken effect; the person/);
    await until("the question to be closed", () => shown().some((text) => text.endsWith("⏭ Not repeated (`7`).")));
  });

  it("is called though another of the same step was decided much later", async () => {
    const second = callTool("send", { to: "bob@example.com", text: "hi" }, "c2");
    await start([[SEND, second], "Both."]);
    await platform.listening();
    await platform.say({ chat: "7", from: "7", text: "write to both" });
    await until("the questions", async () => choices().length === 4 && (await states())[0] === "waiting");
    await press("yes");
    await sql`update approvals set decided_at = now() - interval '20 minutes' where decision is not null`.execute(db());
    await until("the first to be closed", () => choices().length === 2);
    await press("yes");
    await answered("Both.");
    // They are called at once; nobody says which one starts first.
    expect(tools.calls.map(({ callId }) => callId).toSorted()).toEqual(["c1", "c2"]);
  });

  it("is asked once a time: the next call with the same arguments asks again", async () => {
    await start([SEND, callTool("send", { to: "ann@example.com", text: "hi" }, "c2"), "Twice."]);
    await ask();
    await press("yes");
    await until("the second question", () => choices().length === 2 && tools.calls.length === 1);
    await press("no");
    await answered("Twice.");
    expect(tools.calls).toHaveLength(1);
  });
});

describe("while a run waits for its person", () => {
  const cases: [BusyPolicy, string[], number][] = [
    ["interrupt", ["cancelled", "completed"], 0],
    ["queue", ["completed", "completed"], 1],
    ["steer", ["completed"], 1],
  ];
  it.each(cases)("a message does what %s says", async (onBusy, ends, called) => {
    await start([SEND, "Done.", "And this."], { onBusy });
    await ask();
    await platform.say({ chat: "7", from: "7", text: "wait" });
    if (onBusy === "interrupt") await until("its end", async () => (await states())[0] === "cancelled");
    else {
      if (onBusy === "queue") await answered("⏳ I answer this after the running one.");
      await press("yes");
    }
    await until("all ends", async () => JSON.stringify(await states()) === JSON.stringify(ends));
    expect(tools.calls).toHaveLength(called);
    const closing = onBusy === "interrupt" ? "⏹ No longer needed, and not done." : "✅ Approved by `7`.";
    await until("the question to be closed", () => shown()[0]!.includes(closing));
    const roles = (await history()).map((line) => line.split(":")[0]);
    expect(roles.filter((role) => role === "tool")).toHaveLength(1);
  });

  it("further messages are answered beside it, also where two runs wait", async () => {
    await start([SEND, SEND, "The third.", "Done.", "Done."], { onBusy: "parallel" });
    await ask();
    await platform.say({ chat: "7", from: "7", text: "and to Bob" });
    await until("the second question", async () => choices().length === 4 && (await states())[1] === "waiting");
    await platform.say({ chat: "7", from: "7", text: "what else?" });
    await answered("The third.");
    expect((await states()).toSorted()).toEqual(["completed", "waiting", "waiting"]);
  });

  it("what is to be summed up meanwhile is not forgotten", async () => {
    await start(["One.", "Two.", "Three.", SEND, "Done.", "A summary."]);
    await platform.listening();
    for (const said of ["One.", "Two.", "Three."]) {
      await platform.say({ chat: "7", from: "7", text: "go on" });
      await answered(said);
    }
    await ask();
    await platform.say({ chat: "7", from: "7", text: "/compact" });
    await until("the receipt", () => shown().length === 5);
    await press("yes");
    await until("both to end", async () => JSON.stringify((await states()).slice(3)) === '["completed","completed"]');
    expect(await db().selectFrom("compactions").select("summary").execute()).toMatchObject([{ summary: "A summary." }]);
  });

  it("the loss of its chat ends it", async () => {
    await start([SEND, "Done."]);
    await ask();
    const place = { kind: "private", chat: "7", thread: "", title: "" } as const;
    const sender = { id: "7", name: "7" };
    const left = { kind: "membership", account: platform.account, key: "left", place, sender, member: false } as const;
    await platform.deliver(left);
    await until("its end", async () => (await states())[0] === "cancelled");
    expect(await db().selectFrom("runs").select("end_reason").execute()).toEqual([{ end_reason: "place_gone" }]);
    expect(tools.calls).toEqual([]);
  });

  it("a stop ends it", async () => {
    await start([SEND, "Done."]);
    await ask();
    await platform.say({ chat: "7", from: "7", text: "/stop" });
    await until("its end", async () => (await states())[0] === "cancelled");
    await until("the question to be closed", () => shown()[0]!.includes("⏹ No longer needed"));
    expect(tools.calls).toEqual([]);
  });
});

describe("security-21: tools of a place", () => {
  it("strangers in a group are offered none, unless the place offers some", async () => {
    const settings = readSettings(`places: { "telegram:-200": { offer: ["lo*"] } }`);
    await start(["None.", "One.", "All.", "Mine."], {
      settings,
      access: { mode: "open", allowedUsers: new Set(["telegram:5"]) },
    });
    await platform.listening();
    const say = (chat: string, from: string) =>
      platform.say({ chat, from, text: "hello", ...(chat.startsWith("-") ? { kind: "group", addressed: true } : {}) });
    await say("-100", "1");
    await answered("None.", "-100");
    await say("-200", "1");
    await answered("One.", "-200");
    await say("-100", "5");
    await answered("All.", "-100");
    await say("7", "7");
    await answered("Mine.", "7");
    const offered = model.requests.map(({ tools: each }) => each.map(({ name }) => name));
    expect(offered).toEqual([[], ["look"], ["look", "send", "send_file"], ["look", "send", "send_file"]]);
  });

  it("what is denied is neither offered nor called", async () => {
    const settings = readSettings("agents: { tester: { approvals: { send: deny } } }");
    await start([SEND, "No such tool."], { settings });
    await platform.listening();
    await platform.say({ chat: "7", from: "7", text: "write" });
    await answered("No such tool.\n\n⚠️ No result from: send.");
    expect(model.requests[0]!.tools.map(({ name }) => name)).toEqual(["look", "send_file"]);
    expect(tools.calls).toEqual([]);
  });
});
