import { expect, test } from "vitest";
import type { ModelEvent } from "../../src/agent/model-client.ts";
import type { Provider } from "../../src/agent/provider.ts";
import { quirksAt } from "../../src/agent/provider-presets.ts";
import { Providers, type ProvidersOptions } from "../../src/agent/providers.ts";
import { collect, modelRequest } from "../contract/model-client.ts";
import { failWith, hold, scriptedModel, type ScriptedModel } from "../fakes/scripted-model.ts";
import { manualClock } from "./manual-clock.ts";

function provider(name: string, changes: Partial<Provider> = {}): Provider {
  const baseUrl = `http://${name}.test/v1`;
  const rest = { headers: {}, quirks: quirksAt(baseUrl), models: new Map(), concurrency: null };
  return { name, baseUrl, apiKey: "", ...rest, ...changes };
}

/** Every provider's client is a script, which says which one answers. */
function start(options: Partial<ProvidersOptions> = {}) {
  const clients = new Map<string, ScriptedModel>();
  const closed: string[] = [];
  const rests: [string, boolean][] = [];
  const clock = manualClock();
  const models = new Providers({
    open({ name, baseUrl }) {
      const client = clients.get(name) ?? scriptedModel();
      clients.set(name, client);
      return { ...client, stream: client.stream.bind(client), close: async () => void closed.push(baseUrl) };
    },
    defaultModel: "gpt-5",
    demo: scriptedModel("demo"),
    clock,
    random: () => 0.5,
    onRest: (name, why) => rests.push([name, why !== null]),
    ...options,
  });
  const use = (...list: Provider[]) => models.use(new Map(list.map((each) => [each.name, each])));
  const ask = (model: string | null, from = models.pinned()) =>
    collect(from.stream(modelRequest("hi", { model, sampling: { maxTokens: 100 } }), new AbortController().signal));
  const script = (name: string, ...steps: Parameters<ScriptedModel["push"]>) => {
    const client = clients.get(name) ?? scriptedModel();
    clients.set(name, client);
    client.push(...steps);
    return client;
  };
  return { models, use, ask, script, clock, closed, rests };
}

function failureOf(events: readonly ModelEvent[]) {
  const last = events.at(-1);
  return last?.type === "failed" ? last.failure : null;
}

test("a model goes to its provider under the provider's own name, and is told with both", async () => {
  const { use, ask, script } = start();
  use(provider("openai"), provider("mine", { models: new Map([["m", { maxOutput: 7 }]]) }));
  const own = script("openai", "one");
  const mine = script("mine", "two");
  expect((await ask(null)).at(-1)).toMatchObject({ type: "finished", model: "openai.gpt-5" });
  expect((await ask("mine.m")).at(-1)).toMatchObject({ type: "finished", model: "mine.m" });
  expect(own.requests[0]).toMatchObject({ model: "gpt-5", sampling: { maxTokens: 100 } });
  expect(mine.requests[0]).toMatchObject({ model: "m", sampling: { maxTokens: 7 } });
});

test("the default model may be another provider's, and without any the demo answers", async () => {
  const { use, ask, script } = start({ defaultModel: "mine.m" });
  use(provider("mine"));
  script("mine", "two");
  expect((await ask(null)).at(-1)).toMatchObject({ model: "mine.m" });
  expect(await ask("gpt-5")).toContainEqual({ type: "text", text: "demo" });
});

test("the context window of a model is what its provider says", () => {
  const { use, models } = start();
  use(provider("openai", { models: new Map([["gpt-5", { contextTokens: 400_000 }]]) }));
  const run = models.pinned();
  expect([null, "openai.gpt-5", "gpt-4"].map((model) => run.contextTokens?.(model))).toEqual([400_000, 400_000, null]);
});

test("fault-30: a provider that fails again and again is left alone by all, then asked by one", async () => {
  const { use, ask, script, clock, rests } = start({ failures: 2 });
  use(provider("openai"), provider("mine"));
  const client = script("openai", ...Array.from({ length: 2 }, () => failWith("retryable", { what: "trouble" })));
  await ask(null);
  expect(rests).toEqual([]);
  await ask(null);
  expect(rests).toEqual([["openai", true]]);
  expect(failureOf(await ask(null))).toMatchObject({ kind: "retryable", what: "trouble", resting: true });
  expect(client.requests).toHaveLength(2);
  // Others are asked all the same.
  script("mine", "well");
  expect((await ask("mine.m")).at(-1)?.type).toBe("finished");

  clock.advance(5_000);
  client.push("back");
  expect((await ask(null)).at(-1)?.type).toBe("finished");
  expect(rests.at(-1)).toEqual(["openai", false]);
});

test("fault-30: a provider rests for as long as it asked for", async () => {
  const { use, ask, script, clock } = start({ failures: 1 });
  use(provider("openai"));
  script("openai", failWith("retryable", { what: "busy", retryAfterMs: 90_000 }));
  await ask(null);
  expect(failureOf(await ask(null))).toMatchObject({ what: "busy", retryAfterMs: 90_000 });
  clock.advance(89_999);
  expect(failureOf(await ask(null))).toMatchObject({ retryAfterMs: 1 });
});

test("fault-30: while one asks whether it is back, the others do not", async () => {
  const { use, ask, script, clock } = start({ failures: 1 });
  use(provider("openai"));
  const pause = hold();
  const client = script("openai", failWith("first_token_timeout"), [pause, "back"], "again");
  await ask(null);
  clock.advance(10_000);
  const probe = ask(null);
  await pause.reached;
  expect(failureOf(await ask(null))).toMatchObject({ resting: true, retryAfterMs: 1_000 });
  pause.release();
  expect((await probe).at(-1)?.type).toBe("finished");
  expect((await ask(null)).at(-1)?.type).toBe("finished");
  expect(client.requests).toHaveLength(3);
});

test("fault-30: who asks whether it is back holds up the others until the answer begins, and not until it ends", async () => {
  const { use, ask, script, clock } = start({ failures: 1 });
  use(provider("openai"));
  const pause = hold();
  script("openai", failWith("first_token_timeout"), ["a long", pause, "answer"], "another");
  await ask(null);
  clock.advance(10_000);
  const probe = ask(null);
  await pause.reached;
  expect((await ask(null)).at(-1)?.type).toBe("finished");
  pause.release();
  expect((await probe).at(-1)?.type).toBe("finished");
});

test("a rest is over for log and metrics when the provider is set up anew, and only where one was told", async () => {
  const { use, ask, script, models, rests } = start({ failures: 2 });
  use(provider("openai"));
  const trouble = failWith("retryable", { what: "trouble" });
  script("openai", trouble, "well", trouble, trouble);
  await ask(null);
  await ask(null);
  expect(rests).toEqual([]);
  const before = models.pinned();
  await ask(null);
  await ask(null);
  use(provider("openai", { apiKey: "another" }));
  expect(rests).toEqual([
    ["openai", true],
    ["openai", false],
  ]);
  expect(failureOf(await ask(null, before))).toMatchObject({ resting: true });
  expect(rests).toHaveLength(2);
});

test("what is the request's fault, or nobody's, opens no breaker", async () => {
  const { use, ask, script, rests } = start({ failures: 1 });
  use(provider("openai"));
  const harmless = [
    failWith("refused"),
    failWith("context_too_long"),
    failWith("images_refused"),
    failWith("truncated"),
    failWith("retryable", { what: "empty" }),
  ];
  script("openai", ...harmless, "well");
  for (const _each of harmless) await ask(null);
  expect((await ask(null)).at(-1)?.type).toBe("finished");
  expect(rests).toEqual([]);
});

test("no more requests than allowed are under way, and who is stopped waits no longer", async () => {
  const { use, models, ask, script } = start();
  use(provider("openai", { concurrency: 1 }));
  const pause = hold();
  const client = script("openai", [pause, "one"], "two");
  const [first, second] = [ask(null), ask(null)];
  await pause.reached;
  const stopped = new AbortController();
  const third = collect(models.stream(modelRequest("hi"), stopped.signal));
  stopped.abort();
  expect(failureOf(await third)?.kind).toBe("aborted");
  expect(client.requests).toHaveLength(1);
  pause.release();
  expect((await first).at(-1)?.type).toBe("finished");
  expect((await second).at(-1)?.type).toBe("finished");
  expect(failureOf(await full(ask, script, models))?.what).toBe("busy");
});

/** One place taken, four that wait for it, and one more. */
async function full(
  ask: ReturnType<typeof start>["ask"],
  script: ReturnType<typeof start>["script"],
  models: Providers,
) {
  const pause = hold();
  script("openai", [pause, "one"], "two", "three", "four", "five");
  const waiting = Array.from({ length: 5 }, () => ask(null));
  await pause.reached;
  const last = await collect(models.stream(modelRequest("hi"), new AbortController().signal));
  pause.release();
  await Promise.all(waiting);
  return last;
}

test("a client that nobody uses any more may fail to close", async () => {
  const rejected = Promise.withResolvers<void>();
  const open = () => ({
    ...scriptedModel("one"),
    close: () => {
      rejected.resolve();
      return Promise.reject(new Error("the socket is gone"));
    },
  });
  const { use, ask } = start({ open });
  use(provider("openai"));
  await ask(null);
  use(provider("openai", { baseUrl: "http://new.test/v1" }));
  await rejected.promise;
});

test("new settings serve new runs; runs under way go on, and the old client is closed when nobody uses it", async () => {
  const { use, models, ask, script, closed } = start();
  use(provider("openai"), provider("same"));
  const before = models.pinned();
  const pause = hold();
  script("openai", [pause, "one"], "two", "three");
  script("same", "still");
  const running = ask(null, before);
  await pause.reached;
  use(provider("openai", { baseUrl: "http://new.test/v1" }), provider("same"));
  expect(closed).toEqual([]);
  expect((await ask(null)).at(-1)?.type).toBe("finished");
  pause.release();
  expect((await running).at(-1)?.type).toBe("finished");
  expect(closed).toEqual(["http://openai.test/v1"]);
  // A later step of the old run.
  expect((await ask(null, before)).at(-1)?.type).toBe("finished");
  expect(closed).toEqual(["http://openai.test/v1", "http://openai.test/v1"]);
  await ask("same.m", before);
  await models.close();
  expect(closed.slice(2).toSorted()).toEqual(["http://new.test/v1", "http://same.test/v1"]);
});

test("a provider that was taken away is refused to new runs", async () => {
  const { use, ask, script } = start();
  use(provider("openai"), provider("mine"));
  script("openai", failWith("refused", { what: "no_model" }));
  use(provider("openai"));
  expect(failureOf(await ask("mine.m"))?.what).toBe("no_model");
});
