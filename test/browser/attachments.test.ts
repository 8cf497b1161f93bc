import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { seriousFaults } from "./support/axe.ts";
import { composer, eventually, log, say, talkId } from "./support/chat.ts";
import { atDesk, everyView, VIEWS } from "./support/suite.ts";

/** One red dot. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64",
);
const text = (name: string, words: string) => ({ name, mimeType: "text/plain", buffer: Buffer.from(words) });
const png = (name: string, buffer = PNG) => ({ name, mimeType: "image/png", buffer });

const chooser = (page: Page) => page.locator("input[type=file]");
const chips = (page: Page) => page.getByRole("list", { name: "Attached files" }).getByRole("listitem");

/** As the browser tells of files that somebody pastes, or drops beside the field. */
async function give(page: Page, type: "paste" | "drop", name: string): Promise<void> {
  await page.evaluate(
    ([kind, called = ""]) => {
      const data = new DataTransfer();
      data.items.add(new File(["the word is heron"], called, { type: "text/plain" }));
      const init = { bubbles: true, cancelable: true };
      const event =
        kind === "paste"
          ? new ClipboardEvent("paste", { ...init, clipboardData: data })
          : new DragEvent("drop", { ...init, dataTransfer: data });
      document.querySelector(kind === "paste" ? "textarea" : "main")!.dispatchEvent(event);
    },
    [type, name],
  );
}

everyView("files: chosen, pasted and dropped ones go with the message that begins a talk", async (desk) => {
  const { page, api, view } = desk;
  const asked = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Attach files" }).focus();
  await page.keyboard.press("Enter");
  await (await asked).setFiles([png("duck.png"), text("plan.txt", "x".repeat(2_000))]);
  await give(page, "paste", "pasted.txt");
  await give(page, "drop", "a very long name of a file that nobody can read to its end on a phone.txt");
  await eventually(() => chips(page).count(), 4);
  const preview = chips(page).first().locator("img");
  expect(await preview.getAttribute("src")).toMatch(/^blob:/);
  await eventually(() => preview.evaluate((image: HTMLImageElement) => image.naturalWidth), 1);
  await chips(page).nth(1).getByText("2 kB").waitFor();
  await page.getByRole("button", { name: "Remove plan.txt" }).click();
  await eventually(() => chips(page).count(), 3);
  expect(await seriousFaults(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(view.width);

  await say(page, "Which word?");
  await log(page).getByText("You said:").waitFor();
  await log(page).getByRole("link", { name: "duck.png" }).waitFor();
  await log(page).getByRole("link", { name: "pasted.txt" }).waitFor();
  await eventually(() => chips(page).count(), 0);
  const { body } = await api("GET", `/v1/sessions/${await talkId(page)}/messages`);
  const [message] = body.messages as { text: string; parts: { type: string; kind: string; problem?: string }[] }[];
  expect(message.text).toBe("Which word?");
  expect(message.parts.filter(({ type }) => type === "file")).toMatchObject([
    { kind: "image" },
    { kind: "document" },
    { kind: "document" },
  ]);
  expect(message.parts.some(({ problem }) => problem !== undefined)).toBe(false);

  // Without words, and asked again: the files come along.
  await chooser(page).setInputFiles(text("alone.txt", "all alone"));
  await page.getByRole("button", { name: "Send" }).click();
  await log(page).getByRole("link", { name: "alone.txt" }).waitFor();
  await log(page).locator(".markdown").getByText("all alone").waitFor();
  await eventually(() => page.getByRole("button", { name: "Stop" }).count(), 0);
  const first = await talkId(page);
  await log(page).getByRole("button", { name: "Answer again" }).last().click();
  await page.waitForURL((url) => !url.pathname.endsWith(first));
  await log(page).getByRole("link", { name: "alone.txt" }).waitFor();
});

test.concurrent("files: what cannot be sent says why, and the rest goes", async () => {
  await atDesk(
    async ({ page }) => {
      await chooser(page).setInputFiles([
        png("big.png", Buffer.concat([PNG, Buffer.alloc(10_000_000)])),
        text("empty$&\u202e.txt", ""),
      ]);
      await page.getByRole("alert").getByText("big.png is too large").waitFor();
      await page.getByRole("alert").getByText("empty$&.txt is empty").waitFor();
      expect(await chips(page).count()).toBe(0);
      await chooser(page).setInputFiles([
        { name: "old.gz", mimeType: "application/gzip", buffer: Buffer.from("1f8b0800", "hex") },
        text("good.txt", "good"),
      ]);
      await say(page, "Look");
      await page.getByRole("alert").getByText("Agents cannot read this kind of file").waitFor();
      expect(await seriousFaults(page)).toEqual([]);
      // Nothing was said, and nothing is lost.
      expect(await composer(page).inputValue()).toBe("Look");
      await page.getByRole("button", { name: "Remove old.gz" }).click();
      await composer(page).press("Enter");
      await log(page).getByRole("link", { name: "good.txt" }).waitFor();
      await log(page).getByText("You said:").waitFor();
    },
    { view: VIEWS[1], expected: /400/ },
  );
});

async function expectBack(page: Page, name: string, words: string): Promise<void> {
  await chips(page).getByText(name).waitFor();
  await eventually(() => composer(page).inputValue(), words);
}

everyView(
  "files: they come back to where they were chosen, with the words, when the message is refused",
  async ({ page }) => {
    const messages = "**/v1/sessions/*/messages";
    await page.route(messages, (route) => route.fulfill({ status: 400, json: { detail: "Not now." } }));
    await chooser(page).setInputFiles(text("plan.txt", "the plan"));
    await say(page, "Look");
    const refused = page.getByRole("article", { name: "You" }).filter({ hasText: "Not now." });
    await refused.waitFor();
    await composer(page).fill("and more");
    await refused.getByRole("button", { name: "Edit" }).click();
    await expectBack(page, "plan.txt", "Look\n\nand more");
    expect(await composer(page).evaluate((field) => field === document.activeElement)).toBe(true);
    await eventually(() => refused.count(), 0);
    await page.unroute(messages);
    await composer(page).press("Enter");
    await log(page).locator(".markdown").getByText("the plan").waitFor();
    expect(await chips(page).count()).toBe(0);
  },
  { expected: /400/ },
);

test.concurrent("files: they come back with the words when a message that waits is taken back", async () => {
  await atDesk(
    async ({ page }) => {
      await page.getByRole("combobox", { name: "Choose an agent" }).selectOption("waits");
      await say(page, "slow word 90");
      await talkId(page);
      await page.getByRole("button", { name: "Stop" }).waitFor();
      await chooser(page).setInputFiles(text("plan.txt", "the plan"));
      await say(page, "Look");
      await log(page).getByText("Waits for the answer under way").waitFor();
      await composer(page).fill("and more");
      // A slow way, and somebody who presses twice.
      let stops = 0;
      const slow = Promise.withResolvers<void>();
      await page.route("**/stop", async (route) => (stops++, await slow.promise, route.continue()));
      const reading = Promise.withResolvers<void>();
      await page.route("**/files/*", async (route) => (await reading.promise, route.continue()));
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByRole("button", { name: "Stop" }).click();
      slow.resolve();
      await eventually(() => composer(page).inputValue(), "Look\n\nand more");
      // Not without them.
      expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
      reading.resolve();
      await expectBack(page, "plan.txt", "Look\n\nand more");
      expect(await chips(page).count()).toBe(1);
      expect(stops).toBe(1);
      expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(false);
    },
    { view: VIEWS[1] },
  );
});

test.concurrent("files: the browser asks before unsent ones are lost, but not who signs out", async () => {
  await atDesk(
    async ({ page }) => {
      const asked: string[] = [];
      page.on("dialog", (dialog) => {
        asked.push(dialog.type());
        void dialog.dismiss();
      });
      await chooser(page).setInputFiles(text("plan.txt", "the plan"));
      await chips(page).getByText("plan.txt").waitFor();
      await composer(page).press("End");
      await page.evaluate(() => location.reload());
      await eventually(async () => asked, ["beforeunload"]);
      expect(await chips(page).count()).toBe(1);
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("button", { name: "Sign out", exact: true }).click();
      await page.getByText("Write /web to the bot").waitFor();
      expect(asked).toEqual(["beforeunload"]);
    },
    { expected: /401/ },
  );
});
