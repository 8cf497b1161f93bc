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

/** By how many px what is read moves when older history comes in above it, and whether it keeps the focus. */
async function movedByOlder(page: Page, from: number): Promise<{ moved: number; focused: boolean }> {
  // As over a slow network: whoever scrolls has come to rest before the older page is there.
  const calls = { held: 0 };
  let come!: () => void;
  const held = new Promise<void>((resolve) => (come = resolve));
  const older = /\/messages\?after=/;
  await page.route(older, async (call) => {
    calls.held++;
    await held;
    await call.continue();
  });
  const step = () =>
    page.evaluate(async (wanted) => {
      const list = document.querySelector(".log")!;
      list.scrollTop = Math.max(wanted, list.scrollTop - 300);
      for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
      return list.scrollTop;
    }, from);
  for (let at = Infinity; at > from || calls.held === 0; at = await step());
  const read = await page.evaluateHandle(() => {
    const list = document.querySelector(".log")!;
    const edge = list.getBoundingClientRect().top;
    const found = [...list.querySelectorAll("article")].find((article) => article.getBoundingClientRect().top > edge)!;
    found.querySelector("button")!.focus({ preventScroll: true });
    const { top } = found.getBoundingClientRect();
    return { name: /message \d+/.exec(found.textContent)![0], top, height: list.scrollHeight };
  });
  come();
  const found = await read.evaluate(async ({ name, top, height }) => {
    const list = document.querySelector(".log")!;
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    while (list.scrollHeight < height + 1_000) await frame();
    for (let settled = 0; settled < 3; settled++) await frame();
    const now = [...list.querySelectorAll("article")].find((article) => article.textContent.includes(name));
    return {
      moved: Math.abs((now?.getBoundingClientRect().top ?? Number.NaN) - top),
      focused: now?.contains(document.activeElement) === true,
    };
  });
  await page.unroute(older);
  return found;
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
    for (const from of [0, 20, 700]) {
      const { moved, focused } = await movedByOlder(page, from);
      expect(moved, `from ${from} px`).toBeLessThan(3);
      expect(focused).toBe(true);
    }
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
