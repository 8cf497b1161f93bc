import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { describe, expect, it } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { FakeChat, FakeUser } from "../fakes/telegram/chats.ts";
import type { FakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { lastUserText, type Replica, Stage } from "../support/chaos/stage.ts";
import { freePort } from "../support/free-port.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 20;
const SECRET = "x-telegram-bot-api-secret-token";

describe.concurrent("Telegram's updates", () => {
  it("fault-20: a revoked token turns the platform off with an alert and without a hot loop; the API goes on", async (test) => {
    const stage = await Stage.open({ model: { words: WORDS } }, test);
    const replica = await stage.start("a");
    const { telegram } = stage;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    telegram.say({ chat, from: ann, text: "before" });
    await stage.botMessage(chat);
    telegram.fault({ kind: "401", times: Number.POSITIVE_INFINITY });
    // The poll that waits is answered as ever, the next one is not.
    telegram.say({ chat, from: ann, text: "after" });
    await until("the platform is off", async () => {
      const { body } = await replica.process.api("GET", "/readyz");
      return body.checks?.telegram === "refused";
    });
    const from = telegram.journal.length;
    await sleep(4_000);
    const calls = telegram.journal.slice(from).map(({ method }) => method);
    expect(calls.length, calls.join()).toBeLessThanOrEqual(6);
    expect(calls).not.toContain("getUpdates");
    expect(replica.process.output).toMatch(/"level":"error".*the platform refuses the bot's token/);
    expect(replica.process.output).not.toContain(telegram.token);

    const { body: session } = await replica.process.api("POST", "/v1/sessions", {});
    await replica.process.api("POST", `/v1/sessions/${session.session_id}/messages`, { text: "over the API" });
    await until("the API's run is over", async () => {
      const { body } = await replica.process.api("GET", `/v1/sessions/${session.session_id}/messages`);
      return JSON.stringify(body).includes(`word${WORDS}`);
    });
  });

  it("fault-20: a token that never worked leaves a gateway that says so and serves the API", async (test) => {
    const stage = await Stage.open(
      { model: { words: WORDS }, env: { TELEGRAM_BOT_TOKEN: `4711000009:${"x".repeat(35)}` } },
      test,
    );
    const { process } = await stage.start("a", { waitReady: false });
    await until(
      "it says so",
      async () => {
        const answer = await process.api("GET", "/readyz").catch(() => null);
        return answer?.status === 503 && answer.body.checks?.telegram === "refused";
      },
      20_000,
    );
    const { status } = await process.api("POST", "/v1/sessions", {});
    expect(status).toBe(201);
  });

  it("fault-21: of two replicas one polls, without any conflict, and the other one goes on when it is gone", async (test) => {
    const stage = await Stage.open({ model: { words: WORDS } }, test);
    const [first, second] = await stage.startTwo();
    const { telegram } = stage;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    for (const [index, text] of ["one", "two", "three"].entries()) {
      telegram.say({ chat, from: ann, text });
      await stage.botMessage(chat, index);
    }
    expect([first.witness.of("getUpdates").length > 0, second.witness.of("getUpdates").length]).toEqual([true, 0]);
    await first.process.kill();
    telegram.say({ chat, from: ann, text: "four" });
    await telegram.until(() => telegram.botMessages(chat).length === 4, 15_000);
    expect(conflicts(telegram)).toBeLessThanOrEqual(1);
    // Back again, it stands by.
    const polls = first.witness.of("getUpdates").length;
    await stage.start("a");
    telegram.say({ chat, from: ann, text: "five" });
    await telegram.until(() => telegram.botMessages(chat).length === 5, 15_000);
    expect(first.witness.of("getUpdates").length).toBe(polls);
    expect(conflicts(telegram)).toBeLessThanOrEqual(1);
  });

  it("fault-21: a foreign poller on the same token is given way to, without flapping, and taken over from when it ends", async (test) => {
    // Telegram's own delay of conflicts is short here: what counts is ours.
    const stage = await Stage.open({ model: { words: WORDS }, telegram: { timeScale: 0.02 } }, test);
    const replica = await stage.start("a");
    const { telegram } = stage;
    await telegram.until(() => telegram.polling());
    const foreign = new AbortController();
    const polls = poll(telegram, foreign.signal);
    await until("we met the other poller", () => replica.witness.of("getUpdates").some(({ status }) => status === 409));
    const from = replica.witness.of("getUpdates").length;
    await sleep(8_000);
    expect(replica.witness.of("getUpdates").length - from).toBeLessThanOrEqual(4);
    expect(replica.process.output).toContain("another poller uses this bot token");
    foreign.abort();
    await polls;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    telegram.say({ chat, from: ann, text: "who is there?" });
    await stage.botMessage(chat, 0, 40_000);
  });

  it("fault-22: an update that comes again, to the same replica and to both at once, makes one run", async (test) => {
    const stage = await Stage.open({ model: { words: WORDS }, webhook: true }, test);
    const [first, second] = await stage.startTwo();
    const { telegram } = stage;
    stage.router.target = first;
    const ann = telegram.user(7, "Ann");
    const chat = telegram.privateChat(ann);
    let body = "";
    stage.router.onCall = (called) => (body = called);
    const { updateId } = telegram.say({ chat, from: ann, text: "only once" });
    await stage.botMessage(chat);
    for (let time = 0; time < 3; time += 1) telegram.repeat(updateId);
    await telegram.until(() => telegram.pendingUpdates() === 0);
    // The next one comes to both replicas in the same moment, several times.
    const twin = body.replace(String(updateId), String(updateId + 500)).replace("only once", "only once more");
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => post(index % 2 === 0 ? first : second, twin)),
    );
    expect(answers).toEqual(answers.map(() => 200));
    await stage.botMessage(chat, 1);
    telegram.say({ chat, from: ann, text: "the last" });
    await stage.botMessage(chat, 2);
    expect(stage.model.requests.map(lastUserText)).toEqual(["only once", "only once more", "the last"]);
    expect((await stage.rows("select from runs")).length).toBe(3);
    expect(telegram.botMessages(chat)).toHaveLength(3);
  });

  it("fault-23: updates out of order are all accepted, and one of 23 hours ago says when it was written", async (test) => {
    const stage = await Stage.open({ model: { words: WORDS } }, test);
    await stage.start("a");
    const { telegram } = stage;
    const people = [8, 7, 9].map((id) => ({
      user: telegram.user(id, `P${id}`),
      chat: telegram.privateChat(telegram.user(id)),
    }));
    const ids = [40_003, 40_001, 40_002];
    const written = [Date.now(), Date.now() - 23 * 3_600_000, Date.now()];
    for (const [index, { user }] of people.entries()) {
      const message = {
        message_id: 900 + index,
        date: Math.floor(written[index]! / 1000),
        chat: { id: user.id, type: "private", first_name: user.name },
        from: { id: user.id, is_bot: false, first_name: user.name },
        text: `hello from ${user.name}`,
      };
      const update = { update_id: ids[index]!, message };
      telegram.sendRaw(update);
      telegram.sendRaw(update);
    }
    for (const { chat } of people) await stage.botMessage(chat);
    const when = new Date(written[1]!).toISOString().slice(0, 16).replace("T", " ");
    const turns = stage.model.requests.map(lastUserText);
    expect(turns.toSorted()).toEqual([`[written ${when} UTC]\nhello from P7`, "hello from P8", "hello from P9"]);
  });

  it("an update of a kind nobody knows, or that cannot be read, blocks none of those it came with", async (test) => {
    const stage = await Stage.open({ model: { words: WORDS } }, test);
    const replica = await stage.start("a");
    const { telegram } = stage;
    const people = Array.from({ length: 20 }, (_, index) => telegram.user(100 + index, `P${index}`));
    for (const [index, user] of people.entries()) {
      telegram.say({ chat: telegram.privateChat(user), from: user, text: `hello ${index}` });
      telegram.sendRaw(ODD_UPDATES[index % ODD_UPDATES.length]);
    }
    await telegram.until(
      () => people.every((user) => telegram.botMessages(telegram.privateChat(user)).length === 1),
      15_000,
    );
    await telegram.until(() => telegram.pendingUpdates() === 0);
    expect(replica.process.running).toBe(true);
    const failed = await stage.rows("select from inbox where state = 'failed'");
    expect(failed.length).toBeGreaterThan(0);
    const { body: metrics } = await replica.process.api("GET", "/metrics");
    expect(metrics).toMatch(/parley_updates_received_total\{[^}]*kind="ignored"[^}]*\} [1-9]/);
    expect(metrics).toMatch(/parley_updates_received_total\{[^}]*kind="unreadable"[^}]*\} [1-9]/);
  });

  it("fault-34: bodies of 10 MB are refused, before they are read without the secret, and use no memory", async (test) => {
    const stage = await Stage.open({ webhook: true, model: { words: WORDS } }, test);
    const replica = await stage.start("a");
    stage.router.target = replica;
    const { telegram } = stage;
    const before = await residentBytes(replica);
    const big = Buffer.alloc(10 * 1024 * 1024, "x");
    for (let time = 0; time < 10; time += 1) {
      expect(await post(replica, big)).toBe(413);
      expect(await post(replica, big, { [SECRET]: "guessed" })).toBe(401);
    }
    expect((await residentBytes(replica)) - before).toBeLessThan(90 * 1024 * 1024);
    const ann = telegram.user(7, "Ann");
    telegram.say({ chat: telegram.privateChat(ann), from: ann, text: "still there?" });
    await stage.botMessage(telegram.privateChat(ann));
  });
});

describe("a rush", () => {
  it("fault-36: of 1000 updates in a second from 200 chats is accepted within a second each, and every chat is answered", async (test) => {
    const stage = await Stage.open({ model: { words: WORDS }, telegram: { limits: "off" } }, test);
    const { telegram, model } = stage;
    const port = await freePort();
    const gateway = await GatewayProcess.start({
      port,
      databaseUrl: stage.databaseUrl,
      env: {
        TELEGRAM_BOT_TOKEN: telegram.token,
        TELEGRAM_API_ROOT: telegram.url,
        TELEGRAM_MODE: "webhook",
        TELEGRAM_CALLS_PER_SECOND: "1000",
        TELEGRAM_WEBHOOK_SECRET: "webhook-secret-of-the-fault-suite",
        PUBLIC_URL: `http://127.0.0.1:${port}`,
        OPENAI_API_KEY: "sk-of-the-fault-suite",
        OPENAI_BASE_URL: model.url,
        LOG_LEVEL: "warn",
      },
    });
    test.onTestFinished(async () => {
      await gateway.kill();
      await gateway.removeData();
    });
    await telegram.until(() => telegram.calls("setWebhook").length > 0);
    const chats = Array.from({ length: 200 }, (_, index) => {
      const user = telegram.user(1_000 + index, `P${index}`);
      return { user, chat: telegram.privateChat(user) };
    });
    // Every fourth of them is new.
    const known = chats.filter((_, index) => index % 4 !== 0);
    for (const { chat, user } of known) telegram.say({ chat, from: user, text: "hello" });
    await telegram.until(() => known.every(({ chat }) => telegram.botMessages(chat).length === 1), 60_000);
    telegram.forget();
    for (let round = 1; round <= 5; round += 1) {
      for (const { chat, user } of chats) telegram.say({ chat, from: user, text: `${user.name} says ${round}` });
      await sleep(200);
    }
    await telegram.until(() => telegram.pendingUpdates() === 0, 20_000);
    const answered = ({ user }: { user: FakeUser }) =>
      model.requests.findLast((each) => saidBy(each, user).length === 5);
    await until("every chat's five messages reached the model", () => chats.every(answered), 60_000);
    await telegram.until(() => chats.every((each) => shows(telegram, each.chat, answered(each)!.sentText)), 60_000);
    const took = telegram.deliveries.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => Math.round(took[Math.floor(part * took.length)]!));
    console.log(`${took.length} deliveries, acknowledged after ${p50} ms (p50), ${p99} ms (p99)`);
    expect(telegram.deliveries.filter(({ status }) => status !== 200)).toEqual([]);
    expect(took).toHaveLength(1_000);
    expect(p99).toBeLessThan(1_000);
    for (const each of chats) expect(saidBy(answered(each)!, each.user)).toEqual([1, 2, 3, 4, 5]);
  });
});

/** The numbers of a person's messages that a request holds, in its order. */
function saidBy(asked: JournalEntry, { name }: FakeUser): number[] {
  const said = asked.messages.filter(({ role }) => role === "user").map(({ content }) => content as string);
  return [...said.join("\n").matchAll(/^(\w+) says (\d)$/gm)].flatMap(([, who, no]) =>
    who === name ? [Number(no)] : [],
  );
}

function shows(telegram: FakeTelegram, chat: FakeChat, text: string): boolean {
  return telegram.botMessages(chat).some((message) => message.text === text);
}

/** Things that nobody reads, or that lack what they must have. */
const ODD_UPDATES: readonly object[] = [
  { a_kind_of_next_year: { text: "x" } },
  { message: {} },
  { message: { message_id: 1, date: 1, chat: { id: "x" }, from: null, text: "\0\ud800" } },
  { edited_message: { message_id: "one" } },
  { my_chat_member: null },
  { callback_query: { id: 3 } },
  {},
  { poll: { id: "1" } },
  { message: { message_id: 1, date: 1, chat: { id: 5, type: "channel" }, text: "from a channel" } },
];

function conflicts(telegram: FakeTelegram): number {
  return telegram.calls("getUpdates").filter(({ outcome }) => outcome === 409).length;
}

/** Somebody else's bot program with our token. */
async function poll(telegram: FakeTelegram, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const url = `${telegram.url}/bot${telegram.token}/getUpdates?timeout=5&offset=-1`;
    const answer = await request(url, { method: "POST", signal }).catch(() => null);
    await answer?.body.dump().catch(() => undefined);
    if (answer?.statusCode !== 200) await sleep(300);
  }
}

/** The status of a webhook call. */
async function post(replica: Replica, body: string | Buffer, headers: Record<string, string> = {}): Promise<number> {
  const answer = await request(`${replica.process.url}/telegram/webhook`, {
    method: "POST",
    headers: { "content-type": "application/json", [SECRET]: "webhook-secret-of-the-fault-suite", ...headers },
    body,
  });
  await answer.body.dump();
  return answer.statusCode;
}

async function residentBytes({ process }: Replica): Promise<number> {
  const [, resident = "0"] = (await readFile(`/proc/${process.pid}/statm`, "utf8")).split(" ");
  return Number(resident) * 4096;
}
