import { Api, GrammyError, HttpError } from "grammy";
import { describe, expect, test } from "vitest";
import { startFakeTelegram, type FakeTelegram, type FakeTelegramOptions } from "./telegram/fake-telegram.ts";

const FORUM = -1_000_000_000_001;

interface Clocked {
  fake: FakeTelegram;
  api: Api;
  /** Waits a second for an answer, where there will be none. */
  hasty: Api;
  pass: (ms: number) => void;
}

/** Ann's chat 1, Bob's chat 2, a group -5 and a forum, on a clock that stands still unless moved. */
async function start(options: FakeTelegramOptions = {}): Promise<Clocked & AsyncDisposable> {
  let at = Date.UTC(2026, 0, 1);
  const fake = await startFakeTelegram({ now: () => at, ...options });
  fake.privateChat(fake.user(1, "ann"));
  fake.privateChat(fake.user(2, "bob"));
  fake.group(-5, "group");
  fake.group(FORUM, "forum", { forum: true });
  return {
    fake,
    api: new Api(fake.token, { apiRoot: fake.url }),
    hasty: new Api(fake.token, { apiRoot: fake.url, timeoutSeconds: 1 }),
    pass: (ms) => {
      at += ms;
    },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

/** The wait a refused call was told, in seconds; "sent" when it went through. */
async function outcome(call: Promise<unknown>): Promise<number | string | undefined> {
  try {
    await call;
    return "sent";
  } catch (error) {
    return error instanceof GrammyError ? error.parameters.retry_after : String(error);
  }
}

async function outcomes(count: number, call: () => Promise<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for (let n = 0; n < count; n++) {
    all.push(await outcome(call()));
  }
  return all;
}

describe("limits", () => {
  test("let a private chat have four calls at once, then one a second", async () => {
    await using scene = await start();
    const { fake, api, pass } = scene;
    const send = (): Promise<unknown> => api.sendMessage(1, "x");
    expect(await outcomes(5, send)).toEqual(["sent", "sent", "sent", "sent", 1]);
    pass(1000);
    expect(await outcomes(2, send)).toEqual(["sent", 1]);
    pass(60_000);
    expect(await outcomes(5, send)).toEqual(["sent", "sent", "sent", "sent", 1]);
    expect(fake.rateLimited).toBe(3);
  });

  test("count edits and typing like messages, removals not at all", async () => {
    await using scene = await start();
    const { api } = scene;
    const { message_id: id } = await api.sendMessage(1, "x");
    const other = await api.sendMessage(1, "y");
    await api.editMessageText(1, id, "xy");
    await api.deleteMessage(1, other.message_id);
    await api.sendChatAction(1, "typing");
    expect(await outcome(api.editMessageText(1, id, "xyz"))).toBe(1);
  });

  test("let a group have twenty calls a minute, all its topics together, and no chat pays for another", async () => {
    await using scene = await start({ limits: { token: null } });
    const { fake, api, pass } = scene;
    const topics = [fake.topic(FORUM, "a").id, fake.topic(FORUM, "b").id];
    let n = 0;
    const send = (): Promise<unknown> => api.sendMessage(FORUM, "x", { message_thread_id: topics[n++ % 2] ?? 0 });
    const first = await outcomes(10, send);
    pass(20_000);
    expect([...first, ...(await outcomes(11, send))]).toEqual([...Array.from({ length: 20 }, () => "sent"), 40]);
    expect(await outcome(api.sendMessage(-5, "x"))).toBe("sent");
    expect(await outcome(api.sendMessage(1, "x"))).toBe("sent");
    pass(40_001);
    expect(await outcomes(11, send)).toEqual([...Array.from({ length: 10 }, () => "sent"), 20]);
  });

  test("let a bot have thirty calls at once over all chats, asking for updates aside", async () => {
    await using scene = await start({ limits: { private: null } });
    const { fake, api, pass } = scene;
    await outcomes(5, () => api.getMe());
    expect((await outcomes(31, () => api.sendMessage(1, "x"))).at(-1)).toBe(1);
    expect(await outcome(api.sendMessage(2, "x"))).toBe(1);
    expect(fake.earlyCalls).toEqual([]);
    pass(500);
    expect(await outcome(api.sendMessage(2, "x"))).toBe(1);
    expect(fake.earlyCalls).toMatchObject([{ chat: 2, method: "sendMessage", earlyBy: 500 }]);
    pass(500);
    expect(await outcome(api.sendMessage(2, "x"))).toBe("sent");
  });

  test("notice who calls a chat again before the wait is over, with whatever method", async () => {
    await using scene = await start();
    const { fake, api, pass } = scene;
    const { message_id: id } = await api.sendMessage(1, "x");
    fake.fault({ kind: "429", retryAfter: 30, method: "editMessageText" });
    expect(await outcome(api.editMessageText(1, id, "xy"))).toBe(30);
    // Under way when the wait was announced: nobody's fault.
    expect(await outcome(api.sendChatAction(1, "typing"))).toBe(30);
    pass(10_000);
    expect(await outcome(api.deleteMessage(1, id))).toBe(20);
    expect(await outcome(api.sendMessage(2, "x"))).toBe("sent");
    pass(20_000);
    expect(await outcome(api.editMessageText(1, id, "xy"))).toBe("sent");
    expect(fake.earlyCalls).toMatchObject([{ method: "deleteMessage", chat: 1, earlyBy: 20_000, outcome: 429 }]);
    expect(fake.rateLimited).toBe(3);
    expect(fake.transcript(1)).toEqual(["bot#1: x", "bot#1~ xy"]);
  });

  test("can be turned off and are there to be read", async () => {
    await using scene = await start({ limits: "off" });
    expect(await outcomes(50, () => scene.api.sendMessage(1, "x"))).not.toContain(1);
    expect(scene.fake.limits).toMatchObject({ private: null, group: null, token: null });
    await using usual = await start();
    expect(usual.fake.limits).toMatchObject({ private: { burst: 4 }, group: { calls: 20, windowMs: 60_000 } });
  });
});

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

describe("faults", () => {
  test.each([
    [{ kind: "reset-before" }, []],
    [{ kind: "reset-after-applying" }, ["bot#1: x"]],
    [{ kind: "stall" }, []],
    [{ kind: "stall-after-applying" }, ["bot#1: x"]],
    [{ kind: "html-502" }, []],
    [{ kind: "html-502", applied: true }, ["bot#1: x"]],
    [{ kind: "garbage" }, []],
    [{ kind: "garbage", applied: true }, ["bot#1: x"]],
  ] as const)("%o leaves the caller without an answer", async (fault, transcript) => {
    await using scene = await start();
    const { fake, api, hasty } = scene;
    const handle = fake.fault({ ...fault, method: "sendMessage", chat: 1 });
    expect(await failure(hasty.sendMessage(1, "x"))).toBeInstanceOf(HttpError);
    expect(fake.transcript(1)).toEqual(transcript);
    expect(fake.calls("sendMessage")).toMatchObject([
      { outcome: "lost", applied: transcript.length === 1, fault: fault.kind },
    ]);
    expect(handle).toMatchObject({ hits: 1, left: 0 });
    expect(await outcome(api.sendMessage(1, "x"))).toBe("sent");
  });

  test("can speak Telegram's words", async () => {
    await using scene = await start();
    const { fake, api } = scene;
    fake.fault({ kind: "401" });
    expect(await failure(api.getMe())).toMatchObject({ error_code: 401, description: "Unauthorized" });
    fake.fault({ kind: "status", status: 500, description: "Internal Server Error", applied: true });
    expect(await failure(api.sendMessage(1, "x"))).toMatchObject({ error_code: 500 });
    fake.fault({ kind: "status", status: 403, description: "Forbidden: user is deactivated" });
    expect(await failure(api.sendMessage(1, "y"))).toMatchObject({ error_code: 403 });
    expect(fake.transcript(1)).toEqual(["bot#1: x"]);
  });

  test("hit only the calls they were made for, as often as they were told", async () => {
    await using scene = await start();
    const { fake, api } = scene;
    const handle = fake.fault({
      kind: "status",
      status: 400,
      description: "Bad Request: no sugar",
      chat: fake.chat(1),
      times: 2,
      when: (payload) => String(payload["text"]).includes("sugar"),
    });
    const said = async (chat: number, text: string): Promise<string> => {
      const error = await failure(api.sendMessage(chat, text));
      return error instanceof GrammyError ? error.description : "sent";
    };
    expect(await said(1, "tea")).toBe("sent");
    expect(await said(2, "sugar")).toBe("sent");
    expect(await said(1, "sugar")).toBe("Bad Request: no sugar");
    expect(handle.left).toBe(1);
    handle.clear();
    expect(await said(1, "sugar")).toBe("sent");
  });

  test("may only delay an answer, and latency delays all", async () => {
    await using scene = await start();
    const { fake, api } = scene;
    fake.fault({ kind: "late", ms: 20 });
    const late = api.sendMessage(1, "x");
    await fake.until(() => fake.messages(1).length === 1);
    expect((await late).text).toBe("x");
    fake.latency(20);
    const second = api.sendMessage(1, "y");
    await fake.until(() => fake.messages(1).length === 2);
    expect((await second).text).toBe("y");
  });

  test("a black hole takes calls, polls included, and never answers", async () => {
    await using scene = await start();
    const { fake, api, hasty } = scene;
    const poll = failure(hasty.getUpdates({ timeout: 50 }));
    await fake.until(() => fake.polling());
    fake.blackhole(true);
    fake.say({ chat: 1, from: fake.user(1), text: "hello?" });
    expect(await failure(hasty.sendMessage(1, "x"))).toBeInstanceOf(HttpError);
    expect(await poll).toBeInstanceOf(HttpError);
    fake.blackhole(false);
    expect(fake.transcript(1)).toEqual(["ann: hello?"]);
    expect(await api.getUpdates()).toHaveLength(1);
  });
});
