import { LogLevel, WebAPIHTTPError, WebAPIRateLimitedError, WebAPIRequestError, WebClient } from "@slack/web-api";
import { describe, expect, test } from "vitest";
import type { FakeChannel } from "./slack/channels.ts";
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from "./slack/fake-slack.ts";

interface Clocked {
  fake: FakeSlack;
  web: WebClient;
  general: FakeChannel;
  random: FakeChannel;
  pass: (ms: number) => void;
}

/** Two channels on a clock that stands still unless moved. */
async function start(options: FakeSlackOptions = {}, timeout = 0): Promise<Clocked & AsyncDisposable> {
  let at = Date.UTC(2026, 0, 1);
  const fake = await startFakeSlack({ now: () => at, ...options });
  return {
    fake,
    web: new WebClient(fake.app.botToken, {
      slackApiUrl: fake.apiUrl,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      logLevel: LogLevel.ERROR,
      timeout,
    }),
    general: fake.channelNamed("general"),
    random: fake.channelNamed("random"),
    pass: (ms) => {
      at += ms;
    },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

function post({ web, general }: Clocked, text = "x", channel = general): Promise<{ ts?: string }> {
  return web.chat.postMessage({ channel: channel.id, text });
}

/** The wait a refused call was told, in seconds; "sent" when it went through. */
async function outcome(call: Promise<unknown>): Promise<number | string> {
  try {
    await call;
    return "sent";
  } catch (error) {
    return error instanceof WebAPIRateLimitedError ? error.retryAfter : String(error);
  }
}

async function outcomes(count: number, call: () => Promise<unknown>): Promise<(number | string)[]> {
  const all: (number | string)[] = [];
  for (let n = 0; n < count; n++) {
    all.push(await outcome(call()));
  }
  return all;
}

describe("limits", () => {
  test("let a channel have four posts at once, then one a second, and no channel pays for another", async () => {
    await using scene = await start();
    const { fake, random, pass } = scene;
    expect(await outcomes(5, () => post(scene))).toEqual(["sent", "sent", "sent", "sent", 1]);
    expect(await outcome(post(scene, "y", random))).toBe("sent");
    pass(1000);
    expect(await outcomes(2, () => post(scene))).toEqual(["sent", 1]);
    pass(60_000);
    expect(await outcomes(5, () => post(scene))).toEqual(["sent", "sent", "sent", "sent", 1]);
    expect(fake.rateLimited).toBe(3);
  });

  test("let the workspace have fifty edits a minute over all channels, beside a burst", async () => {
    await using scene = await start();
    const { fake, web, general, random, pass } = scene;
    const first = (await post(scene)).ts ?? "";
    const second = (await post(scene, "y", random)).ts ?? "";
    let n = 0;
    const edit = (): Promise<unknown> =>
      n++ % 2 === 0
        ? web.chat.update({ channel: general.id, ts: first, text: `x ${n}` })
        : web.chat.update({ channel: random.id, ts: second, text: `y ${n}` });
    const burst = fake.limits.tier3?.burst ?? 0;
    expect((await outcomes(burst + 1, edit)).at(-1)).toBe(2);
    pass(60_000);
    let sent = 0;
    for (let step = 0; step < 60; step++) {
      sent += (await outcome(edit())) === "sent" ? 1 : 0;
      pass(1000);
    }
    // A full bucket and what a minute brings, less what was lost by asking too early.
    expect(sent).toBeLessThanOrEqual(burst + 50);
    expect(sent).toBeGreaterThan(burst + 20);
    expect(await outcome(web.chat.delete({ channel: general.id, ts: first }))).toBe("sent");
  });

  test("are announced with 429 and Retry-After, which a raw caller sees too", async () => {
    await using scene = await start({ limits: { post: { burst: 1, refillMs: 30_000 } } });
    await post(scene);
    const response = await fetch(`${scene.fake.apiUrl}chat.postMessage`, {
      method: "POST",
      headers: { authorization: `Bearer ${scene.fake.app.botToken}`, "content-type": "application/json" },
      body: JSON.stringify({ channel: scene.general.id, text: "y" }),
    });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("30");
    expect(response.headers.get("date")).toBe("Thu, 01 Jan 2026 00:00:00 GMT");
    expect(await response.json()).toEqual({ ok: false, error: "ratelimited" });
  });

  test("notice who calls again before the wait is over, but not what was under way", async () => {
    await using scene = await start();
    const { fake, web, general, random, pass } = scene;
    const { ts = "" } = await post(scene);
    fake.fault({ kind: "429", retryAfter: 30, method: "chat.update", scope: "method" });
    const edit = (): Promise<unknown> => web.chat.update({ channel: general.id, ts, text: "xy" });
    expect(await outcome(edit())).toBe(30);
    expect(await outcome(edit())).toBe(30);
    pass(10_000);
    expect(await outcome(web.chat.update({ channel: random.id, ts, text: "xy" }))).toBe(20);
    expect(await outcome(post(scene))).toBe("sent");
    pass(20_000);
    expect(await outcome(edit())).toBe("sent");
    expect(fake.earlyCalls).toMatchObject([
      { method: "chat.update", channel: random.id, earlyBy: 20_000, outcome: "ratelimited", status: 429 },
    ]);
    expect(fake.rateLimited).toBe(3);
  });

  test("can be turned off and are there to be read", async () => {
    await using scene = await start({ limits: "off" });
    expect(await outcomes(50, () => post(scene))).toEqual(Array.from({ length: 50 }, () => "sent"));
    expect(scene.fake.limits).toMatchObject({ post: null, tier3: null });
    await using usual = await start({ limits: { tier4: null } });
    expect(usual.fake.limits).toMatchObject({
      post: { burst: 4, refillMs: 1000 },
      tier3: { refillMs: 1200 },
      tier4: null,
    });
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
  ] as const)("%o leaves the caller without an answer", async (fault, transcript) => {
    await using scene = await start({}, 300);
    const { fake, general } = scene;
    const handle = fake.fault({ ...fault, method: "chat.postMessage", channel: general });
    expect(await failure(post(scene))).toBeInstanceOf(WebAPIRequestError);
    await fake.until(() => fake.calls("chat.postMessage").length === 1);
    expect(fake.transcript(general)).toEqual(transcript);
    expect(fake.calls("chat.postMessage")).toMatchObject([
      { outcome: "lost", applied: transcript.length === 1, fault: fault.kind, status: 0 },
    ]);
    expect(handle).toMatchObject({ hits: 1, left: 0 });
    const patient = new WebClient(fake.app.botToken, { slackApiUrl: fake.apiUrl });
    expect((await patient.auth.test()).ok).toBe(true);
  });

  test.each([
    [{ kind: "html" }, 500, []],
    [{ kind: "html", status: 503, applied: true }, 503, ["bot#1: x"]],
  ] as const)("%o answers with a page", async (fault, statusCode, transcript) => {
    await using scene = await start();
    scene.fake.fault(fault);
    const error = await failure(post(scene));
    expect(error).toBeInstanceOf(WebAPIHTTPError);
    expect(error).toMatchObject({ statusCode });
    expect(scene.fake.transcript(scene.general)).toEqual(transcript);
  });

  test("can speak Slack's words, within HTTP 200", async () => {
    await using scene = await start();
    const { fake, general } = scene;
    fake.fault({ kind: "error", error: "internal_error", applied: true });
    expect(await failure(post(scene))).toMatchObject({ data: { ok: false, error: "internal_error" } });
    fake.fault({ kind: "error", error: "restricted_action" });
    expect(await failure(post(scene, "y"))).toMatchObject({ data: { error: "restricted_action" } });
    fake.fault({ kind: "garbage", applied: true });
    expect(await failure(post(scene, "z"))).toMatchObject({ data: { ok: false, error: '{"ok":tru' } });
    fake.fault({ kind: "ratelimited-200", retryAfter: 7, error: "rate_limited" });
    expect(await failure(post(scene, "w"))).toMatchObject({
      data: { error: "rate_limited", response_metadata: { retryAfter: 7 } },
    });
    expect(fake.transcript(general)).toEqual(["bot#1: x", "bot#2: z"]);
    expect(fake.calls("chat.postMessage").map((entry) => [entry.outcome, entry.applied])).toEqual([
      ["lost", true],
      ["restricted_action", false],
      ["lost", true],
      ["rate_limited", false],
    ]);
  });

  test("hit only the calls they were made for, as often as they were told", async () => {
    await using scene = await start();
    const { fake, random } = scene;
    const handle = fake.fault({
      kind: "error",
      error: "no_sugar",
      channel: scene.general,
      times: 2,
      when: (args) => String(args["text"]).includes("sugar"),
    });
    const said = async (text: string, channel = scene.general): Promise<unknown> => {
      const error = await failure(post(scene, text, channel));
      return typeof error === "string" ? "sent" : (error as { data?: { error?: string } }).data?.error;
    };
    expect(await said("tea")).toBe("sent");
    expect(await said("sugar", random)).toBe("sent");
    expect(await said("sugar")).toBe("no_sugar");
    expect(handle.left).toBe(1);
    handle.clear();
    expect(await said("sugar")).toBe("sent");
  });

  test("may only delay an answer, and latency delays all", async () => {
    await using scene = await start();
    const { fake, general } = scene;
    fake.fault({ kind: "late", ms: 20 });
    const late = post(scene);
    await fake.until(() => fake.messages(general).length === 1);
    expect(typeof (await late).ts).toBe("string");
    fake.latency(20);
    const second = post(scene, "y");
    await fake.until(() => fake.messages(general).length === 2);
    expect((await second).ts).toBe(fake.messages(general)[1]?.ts);
  });

  test("a black hole takes calls and never answers", async () => {
    await using scene = await start({}, 100);
    const { fake, general } = scene;
    fake.blackhole(true);
    expect(await failure(post(scene))).toBeInstanceOf(WebAPIRequestError);
    expect(fake.transcript(general)).toEqual([]);
    expect(fake.journal).toEqual([]);
  });

  test("a revoked token is told, and refuses everything", async () => {
    await using scene = await start();
    scene.fake.revokeToken();
    expect(await failure(post(scene))).toMatchObject({ data: { error: "token_revoked" } });
    await scene.fake.until(() => scene.fake.deliveries.some(({ type }) => type === "tokens_revoked"));
  });
});
