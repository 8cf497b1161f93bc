import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import { sceneOf } from "../support/e2e.ts";
import { atOnce, saying } from "../support/transcript.ts";

const scene = sceneOf({ slack: {} });
let page: string;
let running: RunningGateway;

beforeAll(async () => {
  page = await mkdtemp(path.join(tmpdir(), "parley-page-"));
  await writeFile(path.join(page, "index.html"), "<!doctype html><title>Parley</title>");
  running = await scene().start({ slack: "socket", page });
  scene().model.script(
    saying({ rain: atOnce("It may rain."), snow: atOnce("It may snow."), again: atOnce("It rained, then it snowed.") }),
  );
});
afterAll(() => rm(page, { recursive: true }));

const HERE = { "sec-fetch-site": "same-origin", "content-type": "application/json" };

async function signIn(link: string): Promise<string> {
  const [address, token] = link.split("#");
  expect(address).toBe(`${running.url}/sign-in`);
  expect(await (await fetch(address!)).text()).toContain("<title>Parley</title>");
  const answer = await fetch(`${running.url}/v1/sign-in`, {
    method: "POST",
    headers: HERE,
    body: JSON.stringify({ token }),
  });
  expect(answer.status).toBe(200);
  return answer.headers.getSetCookie()[0]!.split(";")[0]!;
}

const call = async <T>(cookie: string, method: string, url: string, body?: object): Promise<T> => {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return (await fetch(`${running.url}${url}`, { method, headers: { ...HERE, cookie }, ...init })).json() as Promise<T>;
};

interface Shown {
  messages: { role: string; text: string }[];
}

test("a talk begun in a Telegram chat goes on in the browser by /web, and back", { timeout: 60_000 }, async () => {
  const { telegram, model } = scene();
  const { chat, user } = scene().person("Ann");
  await scene().converse(chat, user, "will there be rain?");
  telegram.say({ chat, from: user, text: "/web" });
  await telegram.until(() => telegram.botMessages(chat).length === 2, 30_000);
  const said = telegram.botMessages(chat)[1]!.text;
  // It can be tapped.
  expect(telegram.botMessages(chat)[1]!.entities.map(({ type }) => type)).not.toContain("code");
  expect(said).toContain("It opens only on the computer on which I run.");
  const cookie = await signIn(/http:\S+/.exec(said)![0]);

  const { sessions } = await call<{ sessions: { session_id: string; platform: string }[] }>(
    cookie,
    "GET",
    "/v1/sessions",
  );
  expect(sessions.map(({ platform }) => platform)).toEqual(["telegram"]);
  const messages = `/v1/sessions/${sessions[0]!.session_id}/messages`;
  await call(cookie, "POST", messages, { text: "and snow?" });
  const history = async () =>
    (await call<Shown>(cookie, "GET", messages)).messages.map(({ role, text }) => [role, text]);
  const whole = [
    ["user", "will there be rain?"],
    ["assistant", "It may rain."],
    ["user", "and snow?"],
    ["assistant", "It may snow."],
  ];
  await expect.poll(history).toEqual(whole);
  await scene().converse(chat, user, "say both again");
  expect(await history()).toEqual([...whole, ["user", "say both again"], ["assistant", "It rained, then it snowed."]]);
  const { body } = model.requests.at(-1)!;
  for (const [, text] of whole) expect(JSON.stringify(body)).toContain(text);
});

test("on Slack the word alone brings the link, for whoever wrote it", { timeout: 60_000 }, async () => {
  const { slack } = scene();
  const user = slack.user("Ben");
  const channel = slack.dm(user);
  const { ts } = slack.say({ channel, user, text: "web" });
  await slack.until(() => slack.botMessages(channel, ts).length === 1, 30_000);
  const { shown } = slack.botMessages(channel, ts)[0]!;
  expect(shown).not.toContain("`");
  const cookie = await signIn(/http:[^\s|>)\]]+/.exec(shown)![0]);
  expect(await call(cookie, "GET", "/v1/me")).toMatchObject({ name: "Ben", role: null, guest: false });
});

test("the start has a link for the operator, who is an owner", async () => {
  const cookie = await signIn((await running.signInLink())!);
  expect(await call(cookie, "GET", "/v1/me")).toMatchObject({ role: "owner", guest: false });
});
