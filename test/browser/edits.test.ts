import type { Locator, Page, Route } from "playwright-core";
import { expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { runStatement } from "../support/postgres.ts";
import { composer, eventually, log, say, talkId } from "./support/chat.ts";
import { FrontDoor } from "./support/front-door.ts";
import { atDesk, type Desk, everyView, openSuite } from "./support/suite.ts";

/** Until something is there, or away: what comes in there makes the list longer. */
async function scrollTo(page: Page, part: 0 | 1, wanted: Locator, count: 0 | 1 = 1): Promise<void> {
  const seen = async () => {
    await log(page).evaluate((list, to) => (list.scrollTop = to * list.scrollHeight), part);
    return wanted.count();
  };
  await eventually(seen, count);
}

/** Makes another version of a talk's only message. */
async function edit(page: Page, words: string): Promise<void> {
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Edit" }).fill(words);
  await page.keyboard.press("Enter");
}

/** A talk with one message, which is answered. */
async function begin(page: Page): Promise<void> {
  await say(page, "first words");
  await log(page).getByText("You said: first words").waitFor();
  await eventually(() => page.getByRole("button", { name: "Stop" }).count(), 0);
}

everyView(
  "edit: what is being edited outlives scrolling away and a reload; leaving it stops no answer",
  async (desk) => {
    const { page, databaseUrl } = desk;
    await say(page, "first words");
    await log(page).getByText("You said: first words").waitFor();
    const id = await talkId(page);
    await eventually(() => page.getByRole("button", { name: "Stop" }).count(), 0);
    await runStatement(
      databaseUrl,
      `insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
     select '${id}', n, 'msg_' || md5('${id}' || n), '${newId("run").slice(0, -3)}' || lpad((n / 2)::text, 3, '0'), n,
            case n % 2 when 1 then 'user' else 'assistant' end,
            '[{"type": "text", "text": "one more"}]', 'complete'
     from generate_series(3, 50) n`,
    );
    await runStatement(databaseUrl, `update talk_sessions set head_seq = 50 where id = '${id}'`);
    await page.reload();
    await log(page).getByText("one more").last().waitFor();
    const field = page.getByRole("textbox", { name: "Edit" });
    const first = page.getByRole("article").filter({ hasText: /^first words/ });
    await scrollTo(page, 0, first);
    await first.getByRole("button", { name: "Edit" }).click();
    await field.fill("half an edit");
    await scrollTo(page, 1, field, 0);
    await scrollTo(page, 0, field);
    await page.reload();
    await log(page).getByText("one more").last().waitFor();
    expect(await composer(page).inputValue()).toBe("");

    await say(page, "slow words 20");
    await log(page).getByText("words3").waitFor();
    await scrollTo(page, 0, field);
    expect(await field.inputValue()).toBe("half an edit");
    await field.press("Escape");
    await eventually(() => field.count(), 0);
    await scrollTo(page, 1, log(page).getByText("words25"));
    await page.getByRole("button", { name: "Stop" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" });
    await scrollTo(page, 0, first);
    expect(await field.count()).toBe(0);
  },
);

test.concurrent("edit: sent twice on a slow way it is one version, and nobody is taken away from what they opened meanwhile", async () => {
  const work = async ({ page, api }: Desk) => {
    const saidIn = async () => {
      const ids = (await api("GET", "/v1/sessions")).body.sessions.map((row: { id: string }) => row.id) as string[];
      const all = ids.map(async (id) => (await api("GET", `/v1/sessions/${id}/messages`)).body.messages[0]?.text);
      return (await Promise.all(all)).join();
    };
    await begin(page);
    await page.getByRole("button", { name: "Edit" }).click();
    const field = page.getByRole("textbox", { name: "Edit" });
    await field.fill("other words");
    // What failed is not lost.
    await page.route("**/fork", (route) => route.fulfill({ status: 503, json: { detail: "Not now." } }));
    await field.press("Enter");
    await page.getByText("Not now.").waitFor();
    await page.unroute("**/fork");
    await page.reload();
    await eventually(() => field.inputValue(), "other words");
    const held: Route[] = [];
    await page.route("**/fork", (route) => void held.push(route));
    await field.press("Enter");
    await field.press("Enter");
    await page.getByRole("button", { name: "New talk" }).click();
    await page.getByRole("combobox", { name: "Choose an agent" }).waitFor();
    for (const route of held) await route.continue();
    await eventually(saidIn, "other words,first words");
    expect([held.length, new URL(page.url()).pathname]).toEqual([1, "/"]);
  };
  await atDesk(work, { expected: /503/ });
});

test.concurrent("Stop: what the page was not told of yet is taken back as well, and none of it stays", async () => {
  const { gateway } = await openSuite();
  const door = await FrontDoor.open(gateway.url);
  door.events = "held";
  const work = async ({ page }: Desk) => {
    await page.getByRole("combobox", { name: "Choose an agent" }).selectOption("waits");
    await say(page, "slow word 90");
    await log(page).getByText("word3").waitFor();
    await say(page, "told of");
    await log(page).getByText("Waits for the answer under way").waitFor();
    // From now on the page hears the answers to its own calls alone.
    const asking = Promise.withResolvers<void>();
    await page.route("**/news?*", async () => {
      asking.resolve();
      return new Promise(() => undefined);
    });
    await asking.promise;
    const taken = page.waitForResponse((answer) => answer.url().endsWith("/messages") && answer.status() === 202);
    await say(page, "not told of");
    await taken;
    await page.getByRole("button", { name: "Stop" }).click();
    await eventually(() => composer(page).inputValue(), "told of\n\nnot told of");
    await eventually(() => log(page).locator("article.pale").count(), 0);
  };
  await atDesk(work, { door });
  await door.close();
});

test.concurrent("edit: a version whose files cannot be copied is not made", async () => {
  const work = async ({ page, api }: Desk) => {
    const plan = { name: "plan.txt", mimeType: "text/plain", buffer: Buffer.from("the plan") };
    await page.locator("input[type=file]").setInputFiles(plan);
    await say(page, "Look");
    await log(page).locator(".markdown").getByText("the plan").waitFor();
    await page.route("**/files/*", async (route) => route.fulfill({ status: 503 }));
    await edit(page, "Look again");
    await page.getByRole("status").getByText("That did not work").waitFor();
    await eventually(async () => (await api("GET", "/v1/sessions")).body.sessions.length, 1);
    expect(await page.getByRole("textbox", { name: "Edit" }).inputValue()).toBe("Look again");
  };
  await atDesk(work, { expected: /503/ });
});

test.concurrent("edit: a version that somebody makes elsewhere at the same moment stands beside this one", async () => {
  const work = async ({ page, api }: Desk) => {
    await begin(page);
    const root = await talkId(page);
    const elsewhere = async () => {
      const { body: fork } = await api("POST", `/v1/sessions/${root}/fork`, { from_message_index: 0 });
      const branches = [{ id: fork.session_id, from: root, at: 0 }];
      await api("PATCH", `/v1/sessions/${fork.session_id}`, { metadata: { root, branches: null } });
      await api("PATCH", `/v1/sessions/${root}`, { metadata: { branches } });
    };
    let made = 0;
    await page.route(`**/v1/sessions/${root}`, async (route) => {
      if (route.request().method() === "PATCH" && ++made === 1) await elsewhere();
      await route.continue();
    });
    await edit(page, "other words");
    await log(page).getByText("You said: other words").waitFor();
    await page.getByRole("group", { name: "Version 3 of 3" }).waitFor();
  };
  await atDesk(work, { expected: /412/ });
});

test.concurrent("edit: a version is listed once although the answer to its listing is lost", async () => {
  const work = async ({ page }: Desk) => {
    await begin(page);
    const root = await talkId(page);
    let lost = 0;
    await page.route(`**/v1/sessions/${root}`, async (route) => {
      if (route.request().method() !== "PATCH" || ++lost > 1) return route.continue();
      await route.fetch();
      await route.abort();
    });
    await edit(page, "other words");
    await log(page).getByText("You said: other words").waitFor();
    await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
  };
  await atDesk(work, { expected: /ERR_FAILED/ });
});
