import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readStopValue, STOP_HERE, stopValue } from "../../src/platform/stop-button.ts";
import { newId, type RunId } from "../../src/ids.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import type { Pressed } from "../fakes/pressed.ts";
import { failWith, hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;
let platform: FakePlatform;
let model: ScriptedModel;

beforeEach(async () => {
  database = await createTestDatabase();
  platform = new FakePlatform({ platform: "slack", buttons: true, textLimit: 60 });
});

afterEach(async () => {
  await running?.stop(0);
  running = null;
  await database.drop();
});

const FIRST = "This is the first part of it,";
const thread = { chat: "C1", kind: "group", thread: "1.0" } as const;

async function start(...steps: Parameters<typeof scriptedModel>): Promise<void> {
  model = scriptedModel(...steps);
  running = await startTestGateway({ url: database.url, model, adapters: [platform], onBusy: "queue" });
  await platform.listening();
}

/** A question in the thread whose answer has begun; the press that stops it. */
async function ask(from = "T1:U1", where: { chat: string; kind?: "group"; thread: string } = thread): Promise<Pressed> {
  await platform.say({ ...where, from, text: "tell me", addressed: true });
  await until("a first text", () => platform.messages(where.chat).length === 1);
  const { messageId, rich } = platform.messages(where.chat)[0]!;
  return { ...where, from, messageId, value: (rich as { stop?: string } | undefined)?.stop ?? "no button" };
}

async function state(run: number): Promise<string | undefined> {
  const runs = await running!.database.db.selectFrom("runs").select("state").orderBy("started_at").execute();
  return runs[run]?.state;
}

async function refused(): Promise<number> {
  const { values } = await running!.metrics.updatesRefused.get();
  return values.find(({ labels }) => labels.why === "press")?.value ?? 0;
}

it("a stop button's value names its run and fits into what platforms keep", () => {
  const run = newId("run");
  expect(readStopValue(stopValue(run))).toBe(run);
  expect(stopValue(run)).toMatch(/^[\x20-\x7e]{1,64}$/);
  for (const value of ["", "stop:", `stop:${newId("ses")}`, ` ${stopValue(run)}`, `${stopValue(run)}\n`, run, "go:x"]) {
    expect(readStopValue(value)).toBeNull();
  }
});

describe("the stop button", () => {
  it("stands under the end of a running answer alone, and is gone in the end", async () => {
    const pauses = [hold(), hold()] as const;
    await start([FIRST, pauses[0], " which goes on for so long that it needs a second message", pauses[1], " to end."]);
    await ask();
    const [run] = await running!.database.db.selectFrom("runs").select("id").execute();
    expect(platform.messages("C1")[0]?.rich).toEqual({ stop: stopValue(run!.id) });
    pauses[0].release();
    await until("the second page", () => platform.messages("C1").length === 2);
    await until("the first without", () => platform.messages("C1")[0]?.rich === undefined);
    expect(platform.messages("C1")[1]?.rich).toEqual({ stop: stopValue(run!.id) });
    pauses[1].release();
    await until("the end", () => platform.messages("C1").every(({ rich }) => rich === undefined));
    expect(
      platform
        .messages("C1")
        .map(({ text }) => text)
        .join(""),
    ).toMatch(/ to end\.$/);
  });

  it("is gone in the end although the text is the same", async () => {
    const pause = hold();
    await start([FIRST, pause]);
    expect(readStopValue((await ask()).value)).not.toBeNull();
    pause.release();
    await until("the end", () => platform.messages("C1")[0]?.rich === undefined);
    expect(platform.messages("C1")[0]?.history).toEqual([FIRST]);
  });

  it.each([
    ["the same text", [FIRST], FIRST],
    ["a failure", [FIRST, failWith("refused")], /⚠️/],
  ])("is gone in the end after a hand-over and %s", async (_, steps, text) => {
    await start([FIRST, hold()]);
    await ask();
    await running!.stop(0);
    await start(steps);
    await until("the end", async () => !["running", undefined].includes(await state(0)));
    await until("no button", () => platform.messages("C1").every(({ rich }) => rich === undefined));
    expect(
      platform
        .messages("C1")
        .map((page) => page.text)
        .join(""),
    ).toMatch(text);
  });

  it.each(["group", "private"] as const)("stops the answer when it is pressed by who asked (%s)", async (kind) => {
    await start([FIRST, hold()]);
    const where = kind === "group" ? thread : { chat: "D1", thread: "1.0" };
    const press = await ask("T1:U1", where);
    await platform.press(press);
    await until("the mark", () => platform.messages(where.chat)[0]?.text.endsWith("⏹ Stopped.") === true);
    expect(platform.messages(where.chat)).toMatchObject([{ rich: undefined }]);
    expect(await state(0)).toBe("cancelled");
    expect(await refused()).toBe(0);
  });

  it("of the platform's own, which names no run, stops what runs at its place", async () => {
    await start([FIRST, hold()]);
    const { messageId: _, ...press } = await ask("T1:U1", { chat: "D1", thread: "" });
    await platform.press({ ...press, messageId: "", value: STOP_HERE });
    await until("the mark", () => platform.messages("D1")[0]?.text.endsWith("⏹ Stopped.") === true);
    expect(platform.messages("D1")).toHaveLength(1);
  });

  it("of the platform itself stops what its presser has asked for in the thread, and nobody else's", async () => {
    await start([FIRST, hold()], [FIRST, hold()]);
    const press = { ...(await ask()), value: STOP_HERE };
    await ask("T1:U2", { chat: "C2", kind: "group", thread: "9.0" });
    for (const change of [
      { from: "T1:U2" },
      { outsider: true as const },
      { thread: "2.0" },
      { chat: "C2", thread: "9.0" },
    ]) {
      await platform.press({ ...press, ...change });
    }
    expect([await state(0), await state(1)]).toEqual(["running", "running"]);
    await platform.press({ ...press, key: "own" });
    await until("the mark", () => platform.messages("C1")[0]?.text.endsWith("⏹ Stopped.") === true);
    expect([await state(0), await state(1)]).toEqual(["cancelled", "running"]);
    // It has no answer of its own.
    expect(platform.messages("C1")).toHaveLength(1);
  });

  it("leaves alone what others wait for, and what came later", async () => {
    await start([FIRST, hold()], "The next answer.");
    const press = await ask();
    await platform.say({ ...thread, from: "T1:U2", text: "and me?", addressed: true });
    await platform.press(press);
    await until("the next answer", () => platform.messages("C1").some(({ text }) => text === "The next answer."));
    await platform.press({ ...press, key: "again" });
    expect([await state(0), await state(1)]).toEqual(["cancelled", "completed"]);
  });

  it("security-13: has no effect by others, from elsewhere, or with another value", async () => {
    const pause = hold();
    const other = hold();
    await start([FIRST, pause], [FIRST, other]);
    const press = await ask();
    const elsewhere = await ask("T1:U2", { chat: "C2", kind: "group", thread: "9.0" });
    const forged: Partial<Pressed>[] = [
      { from: "T1:U2" },
      { outsider: true },
      { from: "chat:C1" },
      { thread: "2.0" },
      { thread: "" },
      { chat: "C2", thread: "9.0" },
      { kind: "private", from: "T1:U2" },
      { value: elsewhere.value },
      { value: stopValue("run_" as RunId) },
      { value: stopValue(newId("run")) },
      { value: "stop:" },
      { value: STOP_HERE, from: "T1:U2" },
      { value: STOP_HERE, thread: "2.0" },
      { value: `${press.value}' or true` },
      { value: press.value.replace("stop", "go") },
      { value: "\0".repeat(10_000) },
    ];
    for (const change of forged) await platform.press({ ...press, ...change });
    await platform.press({ ...elsewhere, value: press.value });
    expect([await state(0), await state(1)]).toEqual(["running", "running"]);
    const stops = await running!.database.db.selectFrom("talk_sessions").select("stop_through").execute();
    expect(stops.map(({ stop_through }) => stop_through)).toEqual([0, 0]);
    // The guest's is ignored at the gate.
    expect(await refused()).toBe(forged.length);
    pause.release();
    other.release();
  });

  it("security-13: of a talk that another one has replaced here, or of an answer that has ended, has no effect", async () => {
    await start([FIRST, hold()], "Second.", [FIRST, hold()]);
    const press = await ask();
    await platform.say({ ...thread, from: "T1:U1", text: "/new" });
    await until("the first to end", async () => (await state(0)) === "cancelled");
    await platform.say({ ...thread, from: "T1:U1", text: "second", addressed: true });
    await until("the second to end", async () => (await state(1)) === "completed");
    await platform.say({ ...thread, from: "T1:U1", text: "third", addressed: true });
    await until("the third", async () => (await state(2)) === "running");
    await platform.press({ ...press, key: "late" });
    expect(await state(2)).toBe("running");
    expect(await refused()).toBe(1);
  });

  it("has its effect once, however often the platform tells of it", async () => {
    await start([FIRST, hold()], [FIRST, hold()]);
    const press = await ask();
    const update = await platform.press({ ...press, key: "p1" });
    await until("the end", async () => (await state(0)) === "cancelled");
    await platform.deliver(update);
    expect(await refused()).toBe(0);
  });
});
