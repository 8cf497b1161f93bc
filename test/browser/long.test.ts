import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { runStatement } from "../support/postgres.ts";
import { log, say } from "./support/chat.ts";
import { atDesk } from "./support/suite.ts";

const BUILT = fileURLToPath(new URL("../../dist/web", import.meta.url));
const MESSAGES = 10_000;
const SESSIONS = 5_000;

const nodes = (page: Page) => page.evaluate(() => document.querySelectorAll("*").length);

/** Scrolls through a list in steps, as a wheel does. */
async function scroll(page: Page, list: string, step: number, steps: number): Promise<void> {
  await page.evaluate(
    async ([selector, by, count]) => {
      const element = document.querySelector(selector)!;
      for (let index = 0; index < count; index++) {
        element.scrollTop += by;
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    },
    [list, step, steps] as const,
  );
}

/** By how many px what is read moves when older history comes in above it. */
async function movedByOlder(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const list = document.querySelector(".log")!;
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    while (list.scrollTop > 700) {
      list.scrollTop -= 300;
      await frame();
    }
    const edge = list.getBoundingClientRect().top;
    const topOf = (name: string) => {
      const found = [...list.querySelectorAll("article")].find((article) => article.textContent.includes(name));
      return found?.getBoundingClientRect().top ?? Number.NaN;
    };
    const read = [...list.querySelectorAll("article")].find((article) => article.getBoundingClientRect().top > edge);
    const name = /message \d+/.exec(read?.textContent ?? "")![0];
    const [top, height] = [topOf(name), list.scrollHeight];
    while (list.scrollHeight < height + 1_000) await frame();
    await frame();
    return Math.abs(topOf(name) - top);
  });
}

test(`of ${MESSAGES} messages and ${SESSIONS} talks only what is near is on the page`, async () => {
  await atDesk(async ({ page, api, databaseUrl, user }) => {
    const { body: session } = await api("POST", "/v1/sessions", { title: "The long one" });
    const id = session.id as string;
    await runStatement(
      databaseUrl,
      `insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
       select '${id}', n, 'msg_' || lpad(n::text, 32, '0'), '${newId("run").slice(0, -6)}' || lpad((n / 2)::text, 6, '0'), n,
              case n % 2 when 1 then 'user' else 'assistant' end,
              jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'message ' || n || repeat(' and **more**', n % 40))),
              'complete'
       from generate_series(1, ${MESSAGES}) n`,
    );
    await runStatement(databaseUrl, `update talk_sessions set head_seq = ${MESSAGES} where id = '${id}'`);
    await runStatement(
      databaseUrl,
      `insert into talk_sessions (id, user_id, agent, title, platform, updated_at)
       select 'ses_' || md5('${user}' || n), user_id, agent, 'Talk ' || n, platform, now() - n * interval '1 hour'
       from talk_sessions, generate_series(1, ${SESSIONS}) n where id = '${id}'`,
    );
    await page.goto(`${new URL(page.url()).origin}/talks/${id}`);
    await log(page).getByText(`message ${MESSAGES}`).waitFor();
    expect(await nodes(page)).toBeLessThan(2_000);

    // Up through the history: pages come as they are wanted, and what is read stays where it is.
    for (let turn = 0; turn < 12; turn++) await scroll(page, ".log", -1_500, 12);
    expect(await nodes(page)).toBeLessThan(2_000);
    const first = await log(page).locator("article").first().innerText();
    expect(Number(/message (\d+)/.exec(first)?.[1])).toBeLessThan(MESSAGES - 100);
    expect(await movedByOlder(page)).toBeLessThan(3);
    await page.getByRole("button", { name: "To the newest message" }).click();
    await log(page).getByText(`message ${MESSAGES}`).waitFor();

    for (let turn = 0; turn < 12; turn++) await scroll(page, ".talks", 1_500, 6);
    expect(await nodes(page)).toBeLessThan(2_000);
    expect(await page.getByRole("button", { name: /^Talk \d{3,}$/ }).count()).toBeGreaterThan(0);
  });
}, 60_000);

test("the chat's first load is at most 80 KB, compressed", async () => {
  await atDesk(async ({ page }) => {
    await say(page, "hello");
    await log(page).getByText("You said: hello").waitFor();
    const names = await page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .map(({ name }) => new URL(name).pathname)
        .filter((name) => /\.(js|css)$/.test(name)),
    );
    const files = await Promise.all([...new Set(names)].map((name) => readFile(path.join(BUILT, name))));
    expect(files.length).toBeGreaterThan(3);
    expect(files.reduce((sum, bytes) => sum + gzipSync(bytes).length, 0)).toBeLessThan(80 * 1024);
  });
});
