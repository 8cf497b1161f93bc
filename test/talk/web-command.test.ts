import { afterEach, beforeEach, expect, it } from "vitest";
import type { WebDoor } from "../../src/talk/web-command.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

const DOOR: WebDoor = { url: "https://parley.test", here: false };

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway;
let telegram: FakePlatform;
let door: WebDoor;

beforeEach(async () => {
  database = await createTestDatabase();
  door = DOOR;
  telegram = new FakePlatform();
  const webDoor = () => door;
  running = await startTestGateway({ url: database.url, model: scriptedModel(), adapters: [telegram], webDoor });
  await telegram.listening();
});
afterEach(async () => {
  await running.stop(0);
  await database.drop();
});

async function say(chat: string, text: string, more: object = {}): Promise<string> {
  const before = telegram.messages(chat).length;
  await telegram.say({ chat, from: "7", text, name: "Ann", ...more });
  await until("an answer", () => telegram.messages(chat).length > before);
  return telegram.messages(chat)[before]!.text;
}

const links = () => running.database.db.selectFrom("web_links").select(["user_id", "role"]).execute();

it("/web gives a link in private, which only its hash is kept of; the one before is over", async () => {
  const first = await say("7", "/web");
  expect(first).toMatch(/https:\/\/parley\.test\/sign-in#\d{39}/);
  expect(first).not.toContain("computer");
  expect(await say("7", "/web")).not.toBe(first);
  const { user_id: user } = await running.database.db
    .selectFrom("identities")
    .select("user_id")
    .executeTakeFirstOrThrow();
  expect(await links()).toEqual([{ user_id: user, role: null }]);
});

it("/web says in a group that it works in private alone, and makes nothing", async () => {
  expect(await say("-100", "/web", { kind: "group" })).toBe("This works only in a private chat with me.");
  expect(await links()).toEqual([]);
});

it("/web says so where there is no page, or no address that anybody could open", async () => {
  door = null;
  expect(await say("7", "/web")).toBe("My web page is switched off.");
  door = { url: null, here: true };
  expect(await say("7", "/web")).toContain("PUBLIC_URL");
  door = { url: "http://127.0.0.1:3000", here: true };
  expect(await say("7", "/web")).toContain("only on the computer on which I run");
});
