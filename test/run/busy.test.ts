import { afterEach, beforeEach, expect, it } from "vitest";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
  await database.drop();
});

async function start(options: Omit<Parameters<typeof startTestGateway>[0], "url">): Promise<TestGateway> {
  const started = await startTestGateway({ url: database.url, ...options });
  running.push(started);
  return started;
}

/** What the model was sent, one line a message. */
function sent(request: ModelRequest | undefined): string[] {
  return (request?.messages ?? []).map((message) => `${message.role}: ${textOf(message)}`);
}

const LONG = "Here is something long enough to be shown";

it("lets a message join the turn when nothing of its answer was shown", async () => {
  const platform = new FakePlatform();
  const never = hold();
  const model = scriptedModel([never], "Both answered.");
  await start({ model, adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "one" });
  await never.reached;
  await platform.say({ chat: "7", from: "7", text: "two" });
  await until("the answer", () => platform.messages("7").some((message) => message.text === "Both answered."));
  expect(platform.messages("7")).toHaveLength(1);
  expect(sent(model.requests.at(-1))).toEqual(["user: one", "user: two"]);
});

it("keeps and marks the shown part of an interrupted answer, and goes on with the new message", async () => {
  const platform = new FakePlatform();
  const never = hold();
  const model = scriptedModel([LONG, never], "The second answer.");
  await start({ model, adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "one" });
  await until("a first text", () => platform.messages("7").length === 1);
  await platform.say({ chat: "7", from: "7", text: "two" });
  await until("the second answer", () =>
    platform.messages("7").some((message) => message.text === "The second answer."),
  );
  expect(platform.messages("7").map((message) => message.text)).toEqual([
    `${LONG}\n\n⏹ Interrupted.`,
    "The second answer.",
  ]);
  expect(sent(model.requests.at(-1))).toEqual([
    "user: one",
    `assistant: ${LONG}\n[interrupted by the user]`,
    "user: two",
  ]);
});

it("answers waiting messages in one turn afterwards under the policy queue", async () => {
  const platform = new FakePlatform();
  const pause = hold();
  const model = scriptedModel([LONG, pause], "Both, then.");
  await start({ model, adapters: [platform], onBusy: "queue" });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "one" });
  await until("a first text", () => platform.messages("7").length === 1);
  await platform.say({ chat: "7", from: "7", text: "two" });
  await platform.say({ chat: "7", from: "7", text: "three" });
  pause.release();
  await until("the second answer", () => platform.messages("7").some((message) => message.text === "Both, then."));
  expect(platform.messages("7").map((message) => message.text)).toEqual([LONG, "Both, then."]);
  expect(sent(model.requests.at(-1))).toEqual(["user: one", `assistant: ${LONG}`, "user: two", "user: three"]);
});

it("stops by command: the partial stays marked, what waits is withdrawn, the next question works", async () => {
  const platform = new FakePlatform();
  const never = hold();
  const model = scriptedModel([LONG, never], "Hello again.");
  await start({ model, adapters: [platform], onBusy: "queue" });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "one" });
  await until("a first text", () => platform.messages("7").length === 1);
  await platform.say({ chat: "7", from: "7", text: "two" });
  await platform.say({ chat: "7", from: "7", text: "/stop" });
  await until("the mark", () => platform.messages("7")[0]?.text.endsWith("⏹ Stopped.") === true);
  await until("the receipt", () => platform.messages("7").length === 2);
  expect(platform.messages("7")[1]?.text).toBe("⏹ Stopped. 1 message that waited will not be answered.");
  await platform.say({ chat: "7", from: "7", text: "three" });
  await until("the next answer", () => platform.messages("7").some((message) => message.text === "Hello again."));
  expect(sent(model.requests.at(-1))).toEqual([
    "user: one",
    `assistant: ${LONG}\n[interrupted by the user]`,
    "user: three",
  ]);
});

it("interrupts a group's answer only for the author of its turn", async () => {
  const platform = new FakePlatform();
  const pause = hold();
  const model = scriptedModel([LONG, pause], "For Bob.");
  await start({ model, adapters: [platform] });
  await platform.listening();
  const group = { chat: "-5", kind: "group", addressed: true } as const;
  await platform.say({ ...group, from: "1", name: "Ann", text: "one" });
  await until("a first text", () => platform.messages("-5").length === 1);
  await platform.say({ ...group, from: "2", name: "Bob", text: "two" });
  pause.release();
  await until("the second answer", () => platform.messages("-5").some((message) => message.text === "For Bob."));
  expect(platform.messages("-5").map((message) => message.text)).toEqual([LONG, "For Bob."]);
  expect(model.requests.at(-1)?.messages.at(-1)?.author).toEqual({ id: "2", name: "Bob" });
});

it("gives the model all of ten quick messages in order, with at most two answers visible", async () => {
  const platform = new FakePlatform();
  const model = scriptedModel(...Array.from({ length: 11 }, () => [hold(), "answer"] as never));
  await start({ model, adapters: [platform] });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "m1" });
  await until("the first request", () => model.requests.length === 1);
  for (let number = 2; number <= 10; number++) await platform.say({ chat: "7", from: "7", text: `m${number}` });
  await until("the last request", () => sent(model.requests.at(-1)).length === 10);
  expect(sent(model.requests[0])).toEqual(["user: m1"]);
  expect(sent(model.requests.at(-1))).toEqual(Array.from({ length: 10 }, (_, index) => `user: m${index + 1}`));
  expect(platform.messages("7").length).toBeLessThanOrEqual(2);
});

it("starts a new talk, lists talks and goes back to one", async () => {
  const platform = new FakePlatform();
  const model = scriptedModel("I know the secret.", "Which secret?", "The blue one.");
  await start({ model, adapters: [platform] });
  await platform.listening();
  const chat = { chat: "7", from: "7" };
  const answered = (text: string) =>
    until(text, () => platform.messages("7").some((message) => message.text.includes(text)));
  await platform.say({ ...chat, text: "the secret is blue" });
  await answered("I know");
  await platform.say({ ...chat, text: "/new" });
  await answered("A new talk begins");
  await platform.say({ ...chat, text: "what is the secret?" });
  await answered("Which secret");
  expect(sent(model.requests.at(-1))).toEqual(["user: what is the secret?"]);
  await platform.say({ ...chat, text: "/sessions" });
  await answered("the secret is blue");
  await platform.say({ ...chat, text: "/sessions 2" });
  await answered("We go on with");
  await platform.say({ ...chat, text: "and now?" });
  await answered("The blue one.");
  expect(sent(model.requests.at(-1))[0]).toBe("user: the secret is blue");
});

it("answers a stranger with one code, and talks once the operator approved it", async () => {
  const platform = new FakePlatform();
  const model = scriptedModel("Welcome.");
  const { gateway } = await start({
    model,
    adapters: [platform],
    access: { mode: "pairing", allowedUsers: new Set() },
  });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "hello?" });
  await until("the code", () => platform.messages("7").length === 1);
  const code = /`?([A-Z0-9-]{8,9})`?$/.exec(platform.messages("7")[0]!.text)?.[1];
  expect(model.requests).toHaveLength(0);
  expect(await gateway.approve("WRONG123", { keyId: null })).toBeNull();
  expect(await gateway.approve(code!, { keyId: null })).toMatchObject({ externalId: "7" });
  await platform.say({ chat: "7", from: "7", text: "hello!" });
  await until("the answer", () => platform.messages("7").some((message) => message.text === "Welcome."));
});
