import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import type { Desk } from "./suite.ts";

export const composer = (page: Page): Locator => page.getByRole("textbox", { name: "Message" });
export const log = (page: Page): Locator => page.getByRole("log", { name: "Messages" });

export async function say(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** The id of the talk that is open, once it is known. */
export async function talkId(page: Page): Promise<string> {
  await page.waitForURL(/\/talks\//);
  return new URL(page.url()).pathname.slice("/talks/".length);
}

/** What was said, as it stands on the page. */
export async function shown(page: Page): Promise<string[]> {
  const texts = await log(page).locator("article .bubble, article .markdown").allInnerTexts();
  return texts.map((text) => text.replaceAll(/\s+/g, " ").trim());
}

/** What was said, as it is stored. */
export async function stored({ api, page }: Desk): Promise<string[]> {
  const { body } = await api("GET", `/v1/sessions/${await talkId(page)}/messages?limit=200`);
  const messages = body.messages as { role: string; text: string }[];
  return messages.filter(({ text }) => text !== "").map(({ text }) => text.replaceAll(/\s+/g, " ").trim());
}

/** Not `expect.poll`, which knows no tests that go on side by side. */
export async function eventually<T>(read: () => Promise<T>, wanted: T, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (JSON.stringify(await read()) === JSON.stringify(wanted)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await read()).toEqual(wanted);
}

/** The page ends with exactly what is stored, nothing twice. */
export async function expectStored(desk: Desk): Promise<void> {
  await eventually(() => desk.page.getByRole("button", { name: "Stop" }).count(), 0);
  await eventually(() => shown(desk.page), await stored(desk));
}

/** A long answer that takes about `seconds`. */
export function slowly(words: string, seconds: number): { text: string; chunkEveryMs: number; chunkChars: number } {
  const text = Array.from({ length: 120 }, (_, index) => `${words}${index}`).join(" ");
  const chunkChars = 12;
  return { text, chunkChars, chunkEveryMs: Math.ceil((seconds * 1_000 * chunkChars) / text.length) };
}
