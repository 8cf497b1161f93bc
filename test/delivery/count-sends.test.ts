import { afterAll, afterEach, expect, it } from "vitest";
import { countSends } from "../../src/delivery/count-sends.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";

const metrics = createMetrics();
afterAll(() => metrics.close());
afterEach(() => {
  metrics.deliveryAttempts.reset();
  metrics.rateLimited.reset();
  metrics.uncertainSends.reset();
});

async function counts(): Promise<Record<string, number>> {
  const { values } = await metrics.deliveryAttempts.get();
  return Object.fromEntries(values.map(({ labels, value }) => [`${labels.method} ${labels.result}`, value]));
}

const total = async (name: "rateLimited" | "uncertainSends") =>
  (await metrics[name].get()).values.reduce((sum, { value }) => sum + value, 0);

it("counts every call that shows something by its method, and changes none", async () => {
  const platform = new FakePlatform();
  const adapter = countSends(platform, metrics);
  const at = await adapter.send({ account: platform.account, chat: "7", thread: "", replyTo: null }, { text: "one" });
  await adapter.editing?.edit(at, { text: "two" });
  await adapter.editing?.remove(at);
  await adapter.typing?.show({ account: platform.account, chat: "7", thread: "", replyTo: null });
  expect(platform.transcript("7").split("\n")).toEqual(["bot#1: one", "bot#1~ two", "bot#1 removed"]);
  expect(platform.typingShown).toEqual(["7"]);
  expect(await counts()).toEqual({ "send ok": 1, "edit ok": 1, "remove ok": 1, "typing ok": 1 });
});

it.each([
  ["rate_limited", { code: "rate_limited" }, 1, 0],
  ["refused", { code: "invalid" }, 0, 0],
  ["failed", { code: "unavailable" }, 0, 0],
  ["gone", { code: "forbidden", place: { kind: "gone" } }, 0, 0],
  ["unknown", { code: "unavailable", applied: true }, 0, 1],
] as const)("counts a post as %s that fails so: %j", async (result, fault, limited, uncertain) => {
  const platform = new FakePlatform();
  const adapter = countSends(platform, metrics);
  platform.failNext({ ...fault, call: "send" });
  const to = { account: platform.account, chat: "7", thread: "", replyTo: null };
  await expect(adapter.send(to, { text: "one" })).rejects.toMatchObject({ code: fault.code });
  expect(await counts()).toEqual({ [`send ${result}`]: 1 });
  expect([await total("rateLimited"), await total("uncertainSends")]).toEqual([limited, uncertain]);
});

it("takes no lost answer to an edit for an uncertain post", async () => {
  const platform = new FakePlatform();
  const adapter = countSends(platform, metrics);
  const at = await adapter.send({ account: platform.account, chat: "7", thread: "", replyTo: null }, { text: "one" });
  platform.failNext({ code: "unavailable", call: "edit", applied: true });
  await expect(adapter.editing?.edit(at, { text: "two" })).rejects.toMatchObject({ code: "unavailable" });
  expect(await counts()).toEqual({ "send ok": 1, "edit unknown": 1 });
  expect(await total("uncertainSends")).toBe(0);
});

it("adds no ability that the adapter does not have", () => {
  const { platform, account } = new FakePlatform();
  const bare = { platform, account } as PlatformAdapter;
  expect(countSends(bare, metrics)).not.toHaveProperty("editing");
  expect(countSends(bare, metrics)).not.toHaveProperty("typing");
  expect(countSends(bare, metrics)).not.toHaveProperty("webhook");
  expect(countSends(bare, metrics)).not.toHaveProperty("marks");
  expect(countSends(bare, metrics)).not.toHaveProperty("buttons");
  expect(countSends(bare, metrics)).not.toHaveProperty("nativeDraft");
});

it("counts a platform's own drafts", async () => {
  const shown: string[] = [];
  const show = async (_: unknown, id: string) => void shown.push(id);
  const nativeDraft = { lastsMs: 1_000, mayShow: () => true, show };
  const adapter = countSends(Object.assign(new FakePlatform(), { nativeDraft }), metrics);
  const to = { account: adapter.account, chat: "7", thread: "", replyTo: null };
  expect([adapter.nativeDraft?.lastsMs, adapter.nativeDraft?.mayShow(to)]).toEqual([1_000, true]);
  await adapter.nativeDraft?.show(to, "run_1", { text: "one" });
  expect(shown).toEqual(["run_1"]);
  expect(await counts()).toEqual({ "draft ok": 1 });
});

it("keeps every ability that the adapter has", async () => {
  const platform = new FakePlatform({ marks: true, buttons: true, typingLastsMs: 60_000 });
  const adapter = countSends(platform, metrics);
  const { marks, buttons, typing } = adapter;
  const to = { account: platform.account, chat: "7", thread: "", replyTo: null };
  const sent = await adapter.send(to, { text: "one" }, "out_1");
  expect(await marks?.find(to, "out_1")).toEqual(sent);
  expect(buttons?.withStop({ text: "one" }, "v", "Stop")).toEqual({ text: "one", rich: { stop: "v" } });
  await typing?.hide?.(to);
  expect(platform.typingHidden).toEqual(["7"]);
});
