import { once } from "node:events";
import { connect } from "node:net";
import nock from "nock";
import { beforeAll, describe, expect, test } from "vitest";
import { CANARIES, onBothEngines, sceneOf, turnOf } from "../support/e2e.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

const SECRET = "x-telegram-bot-api-secret-token";
const PATH = "/telegram/webhook";
const CHAT = { id: 900_010, type: "private", first_name: "Bea" };
let ids = 800_000;

/** An update as Telegram writes it, around the text. */
function update(text: unknown, fields: object = {}): object {
  const message = {
    message_id: ++ids,
    date: Math.floor(Date.now() / 1000),
    chat: CHAT,
    from: { ...CHAT, is_bot: false },
    text,
  };
  return { update_id: ++ids, message: { ...message, ...fields } };
}

describe("a webhook of a gateway on Postgres", () => {
  const scene = sceneOf({});
  let url: string;
  beforeAll(async () => {
    url = (await scene().start({ mode: "webhook" })).url;
  });

  const post = (headers: Record<string, string>, body: string) => fetch(url + PATH, { method: "POST", headers, body });

  test("security-01, security-03: refuses whatever is not exactly the secret, and starts nothing", async () => {
    const secret = CANARIES.webhookSecret;
    const wrong = ["", "x", secret.slice(0, -1), `${secret}x`, secret.toUpperCase(), secret.repeat(4), ` ${secret} x`];
    for (const each of wrong)
      expect((await post({ [SECRET]: each }, JSON.stringify(update("let me in")))).status).toBe(401);
    expect((await post({}, JSON.stringify(update("let me in")))).status).toBe(401);
    expect((await post({ authorization: `Bearer ${secret}` }, JSON.stringify(update("let me in")))).status).toBe(401);
    expect((await fetch(`${url}${PATH}?secret_token=${secret}`, { method: "POST", body: "{}" })).status).toBe(401);
    const { chat, user } = scene().person("Ann");
    await scene().converse(chat, user, "hello");
    expect(scene().model.requests.map(turnOf)).toEqual(["hello"]);
  });

  test("security-01: refuses by the headers alone, before a byte of the body has come", async () => {
    // It would wait for the whole request.
    nock.restore();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  test("security-08, security-09: who guesses secrets is refused for a while, whatever address it claims to have", async () => {
    const statuses: number[] = [];
    for (let no = 0; no < 30; no += 1) {
      const answer = await post({ [SECRET]: `guess-${no}`, "x-forwarded-for": `203.0.113.${no}` }, "{}");
      statuses.push(answer.status);
    }
    expect(statuses.indexOf(429)).toBeGreaterThan(0);
    expect(statuses.slice(statuses.indexOf(429))).toEqual(statuses.slice(statuses.indexOf(429)).map(() => 429));
    const late = await post({ [SECRET]: CANARIES.webhookSecret, "x-forwarded-for": "198.51.100.1" }, "{}");
    expect(late.status).toBe(429);
    expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(0);
    // The operator is not locked out by it.
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});

onBothEngines({}, (scene) => {
  let url: string;
  beforeAll(async () => {
    url = (await scene().start({ mode: "webhook" })).url;
    scene().telegram.privateChat(scene().telegram.user(CHAT.id, "Bea"));
  });

  test("security-10: hostile and broken updates are answered, never with a 5xx, and the next message is as well", async () => {
    const statuses = await Promise.all(
      [...BROKEN_BODIES, ...hostileUpdates()].map(async (body) => {
        const headers = { [SECRET]: CANARIES.webhookSecret, "content-type": "application/json" };
        const answer = await fetch(url + PATH, { method: "POST", headers, body });
        return { body: body.toString().slice(0, 60), status: answer.status };
      }),
    );
    expect(statuses.filter(({ status }) => status !== 200 && status !== 400)).toEqual([]);
    expect(statuses.slice(0, BROKEN_BODIES.length).map(({ status }) => status)).toEqual(BROKEN_BODIES.map(() => 400));
    const { chat, user } = scene().person("Ann");
    await scene().converse(chat, user, "still there?");
    const turns = () => scene().model.requests.map(turnOf).join("\n");
    await scene().model.until(() => turns().includes("before NUL after"), 15_000);
    expect(turns()).not.toMatch(/\0|[\ud800-\udbff](?![\udc00-\udfff])/);
  });
});

const BROKEN_BODIES: Buffer[] = [
  Buffer.from(""),
  Buffer.from("{"),
  Buffer.from('{"update_id": 1, "message": {"text": "hal'),
  Buffer.from("update_id=1&text=hello"),
  Buffer.from([0xff, 0xfe, 0x00, 0x80]),
];

function hostileUpdates(): Buffer[] {
  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  const texts = [
    "before \0NUL\0 after",
    "\ud800 lone",
    "\udc00\ud800",
    "'; drop table inbox; --",
    "\u202eright to left",
    "x".repeat(200_000),
    "",
    null,
    42,
    { toString: "x" },
  ];
  const updates: unknown[] = [
    ...texts.map((text) => update(text)),
    update("hi", { date: -1 }),
    update("hi", { date: 1e300 }),
    update("hi", { date: "yesterday" }),
    update("hi", { chat: { ...CHAT, id: 2 ** 53 + 2 } }),
    update("hi", { chat: { ...CHAT, id: "1; select 1" } }),
    update("hi", { from: { ...CHAT, first_name: "\0\ud800", id: 1.5 } }),
    update("hi", { entities: [{ type: "mention", offset: -5, length: 1e9 }, null, 3, { type: "bot_command" }] }),
    update("hi", { message_thread_id: {}, is_topic_message: "yes" }),
    { update_id: -1 },
    { update_id: 2 ** 60, message: null },
    { message: { text: "without an id" } },
    { update_id: ++ids },
    { update_id: ++ids, message: [] },
    { update_id: ++ids, brand_new_kind: { text: "x" } },
    [],
    "text",
    null,
    7,
  ];
  const raw = [
    '{"update_id": 1e400}',
    `{"update_id": ${++ids}, "message": ${deep}}`,
    `{"update_id": ${++ids}, "__proto__": {"admin": true}, "constructor": {"prototype": {"admin": true}}}`,
    `{"update_id": ${++ids}, "message": {"__proto__": {"text": "x"}, "text": "hi"}}`,
    `{"update_id": ${++ids}, "update_id": ${++ids}, "message": {}}`,
  ];
  return [...updates.map((each) => JSON.stringify(each)), ...raw].map((text) => Buffer.from(text));
}

test("security-02: in webhook mode without a good secret the program does not start, and says what to do", async () => {
  const env = {
    TELEGRAM_BOT_TOKEN: "4711000001:AAFakeTokenOnlyForTests_0123456789a",
    TELEGRAM_API_ROOT: "http://127.0.0.1:9",
    TELEGRAM_MODE: "webhook",
    PUBLIC_URL: "http://127.0.0.1:9",
  };
  for (const secret of ["", "s3cr3t", "change-me-change-me-change-me"]) {
    const started = await GatewayProcess.start({ env: { ...env, TELEGRAM_WEBHOOK_SECRET: secret }, waitReady: false });
    expect((await started.exited).code).toBe(1);
    expect(started.output).toContain("TELEGRAM_WEBHOOK_SECRET");
    if (secret !== "") expect(started.output).not.toContain(secret);
    await started.removeData();
  }
});
