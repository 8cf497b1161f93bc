import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { eventually, log, say, talkId } from "./support/chat.ts";
import { atDesk } from "./support/suite.ts";

const undoOf = (page: Page) => page.getByRole("button", { name: "Undo" });

/** Makes a talk, and returns its id. */
async function talk(page: Page): Promise<string> {
  await say(page, "about ducks");
  await log(page).getByText("You said: about ducks").waitFor();
  return talkId(page);
}

async function remove(page: Page): Promise<void> {
  await page.getByRole("button", { name: "More about this talk: about ducks" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await undoOf(page).waitFor();
}

/** From now on no time passes at the page but what the test lets pass. */
async function holdClock(page: Page): Promise<void> {
  const now = await page.evaluate<number>("Date.now()");
  await page.clock.pauseAt(now + 1_000);
}

test("an undo waits for whoever points at it, has the focus on it or looks elsewhere, and the deletion with it", async () => {
  await atDesk(async ({ page, api }) => {
    const id = await talk(page);
    const status = async () => (await api("GET", `/v1/sessions/${id}`)).status;
    const undo = undoOf(page);
    const look = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"))`);
    const isHeld = async () => {
      await page.clock.runFor(60_000);
      expect([await undo.count(), await status()]).toEqual([1, 200]);
    };
    await page.clock.install();
    await remove(page);
    await undo.hover();
    await holdClock(page);
    await isHeld();
    await undo.focus();
    await page.mouse.move(0, 0);
    await isHeld();
    await look(true);
    await undo.blur();
    await isHeld();
    await look(false);
    await page.clock.runFor(9_000);
    await undo.click();
    await page.clock.resume();
    await log(page).getByText("You said: about ducks").waitFor();
    expect(await status()).toBe(200);

    await remove(page);
    await undo.hover();
    await holdClock(page);
    await page.mouse.move(0, 0);
    await page.clock.runFor(9_000);
    expect([await undo.count(), await status()]).toEqual([1, 200]);
    await page.clock.runFor(3_000);
    await eventually(() => undo.count(), 0);
    await eventually(status, 404);
  });
});

test("a talk that was deleted does not stay because its person signs out before the undo is over", async () => {
  await atDesk(
    async ({ page, api }) => {
      const id = await talk(page);
      await remove(page);
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("button", { name: "Sign out", exact: true }).click();
      await page.getByText("Write /web to the bot").waitFor();
      expect((await api("GET", `/v1/sessions/${id}`)).status).toBe(404);
    },
    { expected: /401/ },
  );
});
