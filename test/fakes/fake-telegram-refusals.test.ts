import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { startFakeTelegram, type FakeTelegram, type FakeTelegramOptions } from "./telegram/fake-telegram.ts";
import type { Scene } from "./telegram/refusal-row.ts";
import { REFUSALS } from "./telegram/refusals.ts";

const FOLDER = new URL("./telegram/", import.meta.url);

interface Reply {
  status: number;
  body: { ok: boolean; error_code?: number; description?: string; parameters?: object };
}

const started: FakeTelegram[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((fake) => fake.close()));
});

async function start(options?: FakeTelegramOptions): Promise<FakeTelegram> {
  const fake = await startFakeTelegram(options);
  started.push(fake);
  return fake;
}

async function call(fake: FakeTelegram, method: string, payload: object, token = fake.token): Promise<Reply> {
  const isForm = Object.values(payload).some((value) => value instanceof File);
  const response = await fetch(`${fake.url}/bot${token}/${method}`, {
    method: "POST",
    headers: isForm ? {} : { "content-type": "application/json" },
    body: isForm ? formOf(payload) : JSON.stringify(payload),
  });
  return { status: response.status, body: (await response.json()) as Reply["body"] };
}

function formOf(payload: object): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(payload) as [string, unknown][]) {
    form.append(field, value instanceof File ? value : String(value));
  }
  return form;
}

async function scene(): Promise<Scene> {
  let at = Date.UTC(2026, 0, 1);
  const fake = await start({ now: () => at });
  const ann = fake.user(1, "ann");
  const chat = fake.privateChat(ann);
  const forum = fake.group(-1_000_000_000_001, "forum", { forum: true });
  return {
    fake,
    ann,
    chat,
    group: fake.group(-5, "group"),
    forum,
    topic: fake.topic(forum, "talk").id,
    mine: chat.post({ author: "bot", at, text: "mine" }).messageId,
    theirs: fake.say({ chat, from: ann, text: "theirs" }).messageId,
    pass: (ms) => {
      at += ms;
    },
  };
}

describe("the fake refuses", () => {
  test.each(REFUSALS.map((row) => [`${row.method}: ${row.rule}`, row] as const))("%s", async (_, row) => {
    const made = await scene();
    await row.before?.(made);
    const payload = typeof row.payload === "function" ? row.payload(made) : row.payload;
    const { status, body } = await call(made.fake, row.method, payload);
    expect({ status, ...body }).toMatchObject({
      status: row.code,
      ok: false,
      error_code: row.code,
      description: row.description,
    });
    expect(row.source).not.toBe("");
  });

  test("an unknown token, and another path", async () => {
    const fake = await start();
    expect(await call(fake, "getMe", {}, "1:wrong")).toEqual({
      status: 401,
      body: { ok: false, error_code: 401, description: "Unauthorized" },
    });
    expect((await fetch(`${fake.url}/file/bot${fake.token}/x`)).status).toBe(404);
  });

  test("a body that is neither JSON nor a form", async () => {
    const fake = await start();
    const post = (type: string, body: string): Promise<Response> =>
      fetch(`${fake.url}/bot${fake.token}/getMe`, { method: "POST", headers: { "content-type": type }, body });
    expect((await post("application/json", "{")).status).toBe(400);
    expect((await post("application/json", "[]")).status).toBe(400);
    expect((await post("text/plain", "x=1")).status).toBe(400);
    expect((await post("application/x-www-form-urlencoded", "")).status).toBe(200);
  });

  test("unknown parameters and lost formatting when it is strict, and counts them otherwise", async () => {
    const lenient = await start();
    lenient.privateChat(lenient.user(1));
    const payload = { chat_id: 1, text: "ab", colour: "red", entities: [{ type: "url", offset: 0, length: 1 }] };
    expect((await call(lenient, "sendMessage", payload)).status).toBe(200);
    expect([...lenient.unknownFields]).toEqual([["sendMessage.colour", 1]]);
    expect(lenient.droppedEntities).toEqual([
      { method: "sendMessage", chat: 1, why: "url: a bot cannot set this type" },
    ]);

    const strict = await start({ strict: true });
    strict.privateChat(strict.user(1));
    expect((await call(strict, "sendMessage", payload)).body.description).toContain("colour");
    const { colour: _, ...known } = payload;
    expect((await call(strict, "sendMessage", known)).body.description).toContain("a bot cannot set this type");
    expect(strict.messages(1)).toEqual([]);
  });

  test("nothing that the table does not name", () => {
    const files = readdirSync(FOLDER).filter((name) => !name.startsWith("refusals"));
    const words = files.flatMap((name) => {
      const source = readFileSync(new URL(name, FOLDER), "utf8");
      return [...source.matchAll(/(?:badRequest|forbidden|unparsable)\(\s*(["'`])((?:\\.|(?!\1).)*)\1/g)].map(
        (match) => (match[2] ?? "").replaceAll("\\'", "'").split("${")[0] ?? "",
      );
    });
    const named = REFUSALS.map((row) => row.description).join("\n");
    // Of the request itself and of strict mode; the tests above show them.
    const elsewhere = [
      "can't parse the parameters",
      "this fake does not know the parameter ",
      "Telegram would leave out an entity: ",
    ];
    expect(words.length).toBeGreaterThan(40);
    expect(words.filter((text) => !named.includes(text) && !elsewhere.includes(text))).toEqual([]);
  });
});
