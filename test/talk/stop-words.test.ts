import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { NO_SETTINGS } from "../../src/agent/agent-settings.ts";
import { isStopWord } from "../../src/talk/stop-words.ts";
import type { SettingsOf } from "../../src/agent/agent-settings.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, type ScriptedModel, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

test.each(["stop", "Stop!", " STOP. ", "стоп", "Хватит!", "停止", "停！", "Stopp", "halt."])(
  "%s is a stop word",
  (text) => {
    expect(isStopWord(text)).toBe(true);
  },
);

test.each(["stop it", "stop?", "please stop", "don't stop", "non-stop", "stopping", "", ".", "/stop", "stop stop"])(
  "“%s” is a message like any other",
  (text) => {
    expect(isStopWord(text)).toBe(false);
  },
);

describe("in a chat", () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let gateway: TestGateway | null = null;
  let platform: FakePlatform;
  beforeEach(async () => {
    database = await createTestDatabase();
    platform = new FakePlatform();
  });
  afterEach(async () => {
    await gateway?.stop(0);
    gateway = null;
    await database.drop();
  });
  const start = async (model: ScriptedModel, places: [string, SettingsOf][] = []) => {
    const settings = { ...NO_SETTINGS, places: new Map(places) };
    gateway = await startTestGateway({ url: database.url, model, adapters: [platform], settings });
    await platform.listening();
  };
  const shown = (chat: string) => platform.messages(chat).map(({ text }) => text);
  const LONG = "Here is something long enough to be shown";

  it("ends the answer under way, and is a message like any other when nothing is", async () => {
    const model = scriptedModel([LONG, hold()], "You said stop.");
    await start(model);
    await platform.say({ chat: "7", from: "7", text: "go" });
    await until("the answer", () => shown("7").includes(LONG));
    await platform.say({ chat: "7", from: "7", text: "Stop!", key: "same" });
    await until("its end", () => shown("7").includes(`${LONG}\n\n⏹ Stopped.`));
    await until("the word", () => shown("7").includes("⏹ Stopped."));
    expect(model.requests).toHaveLength(1);
    await platform.say({ chat: "7", from: "7", text: "stop" });
    await until("an answer to it", () => shown("7").includes("You said stop."));
    expect(shown("7")).toHaveLength(3);
  });

  it("is part of a message like any other beside a file", async () => {
    const model = scriptedModel([LONG, hold()], "A stop sign.");
    await start(model);
    await platform.say({ chat: "7", from: "7", text: "go" });
    await until("the answer", () => shown("7").includes(LONG));
    const file = { type: "file", kind: "image", name: "", mediaType: "", size: 1, ref: "f" } as const;
    const said = await platform.say({ chat: "8", from: "7", text: "hi", addressed: true }).catch(() => null);
    expect(said).not.toBeNull();
    await platform.deliver({
      ...(said as never as object),
      key: "with-file",
      messageId: "m-file",
      text: "stop",
      files: [file],
      place: { kind: "private", chat: "7", thread: "", title: "" },
    } as never);
    await until("an answer to it", () =>
      model.requests.some(({ messages }) => JSON.stringify(messages).includes('"stop"')),
    );
  });

  it("is not heard in a group from somebody who does not speak to the bot", async () => {
    const model = scriptedModel([LONG, hold()]);
    await start(model);
    const group = { chat: "-5", kind: "group", from: "1" } as const;
    await platform.say({ ...group, text: "go", addressed: true });
    await until("the answer", () => shown("-5").includes(LONG));
    await platform.say({ ...group, text: "stop", addressed: false });
    expect(model.open).toBe(1);
    await platform.say({ ...group, text: "stop", addressed: true });
    await until("its end", () => model.open === 0);
  });

  it("security-15: a place that the operator has turned off hears nothing, one that always listens needs no mention", async () => {
    const model = scriptedModel("I hear.");
    await start(model, [
      ["telegram:-1", { listen: "off" }],
      ["telegram:-2", { listen: "always" }],
    ]);
    const off = { chat: "-1", kind: "group", from: "1", addressed: true } as const;
    await platform.say({ ...off, text: "hello" });
    await platform.say({ ...off, text: "/help" });
    await platform.say({ chat: "-2", kind: "group", from: "1", text: "anybody?", addressed: false });
    await until("an answer", () => shown("-2").includes("I hear."));
    expect(shown("-1")).toEqual([]);
    expect(model.requests).toHaveLength(1);
  });
});
