import type { Page, Route } from "playwright-core";
import { expect } from "vitest";
import { seriousFaults } from "./support/axe.ts";
import { eventually, log, say, talkId } from "./support/chat.ts";
import { everyView } from "./support/suite.ts";

/** 64 × 48 px in red. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAEAAAAAwCAIAAAAuKetIAAAARElEQVR42u3PQQkAAAgEsItiFPu/jGQFv8JgBZbpei0CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAlcLgRNA00nGP6oAAAAASUVORK5CYII=",
  "base64",
);
const FILES = "**/v1/sessions/*/files/*";

const chooser = (page: Page) => page.locator("input[type=file]");
const small = (page: Page) => log(page).getByRole("button", { name: "Show duck.png large" });
const widthIn = (page: Page) =>
  small(page)
    .locator("img")
    .evaluate((image: HTMLImageElement) => image.naturalWidth);

everyView(
  "files: a picture that was sent is shown small, large on a press, and as a link if it is gone",
  async ({ page, view, gateway }) => {
    await chooser(page).setInputFiles({ name: "duck.png", mimeType: "image/png", buffer: PNG });
    await say(page, "Look");
    await log(page).getByText("You said:").waitFor();
    const link = log(page).getByRole("link", { name: /^duck\.png/ });
    expect(await link.innerText()).toMatch(/0\.1 kB/);
    await eventually(() => widthIn(page), 64);

    await small(page).focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "duck.png" });
    await dialog.getByRole("img", { name: "duck.png" }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(view.width);
    const saved = page.waitForEvent("download");
    await dialog.getByRole("link", { name: /^duck\.png/ }).click();
    expect((await saved).suggestedFilename()).toBe("duck.png");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await eventually(() => small(page).evaluate((button) => button === document.activeElement), true);

    // Whoever goes elsewhere has left it.
    await page.keyboard.press("Enter");
    await dialog.waitFor();
    await page.goBack();
    await page.waitForURL((url) => url.pathname === "/");
    await page.goForward();
    await small(page).waitFor();
    expect(await dialog.count()).toBe(0);

    const path = await small(page).locator("img").getAttribute("src");
    expect((await gateway.api("GET", path!, undefined, "somebody-else")).status).toBe(404);

    // While it comes, its place is kept.
    const held: Route[] = [];
    await page.route(FILES, (route) => void held.push(route));
    await page.reload();
    await small(page).waitFor();
    await eventually(async () => held.length, 1);
    const placeOf = async () => Promise.all([small(page).boundingBox(), link.boundingBox()]);
    const before = await placeOf();
    for (const route of held) await route.continue();
    await eventually(() => widthIn(page), 64);
    expect(await placeOf()).toEqual(before);
    await page.unroute(FILES);

    await page.route(FILES, (route) => route.fulfill({ status: 404, json: {} }));
    await page.reload();
    await link.waitFor();
    await eventually(() => log(page).locator("img").count(), 0);
  },
  { expected: /404/ },
);

everyView("files: what is no harmless picture is saved and never drawn, whatever it is called", async (desk) => {
  const { page, view } = desk;
  const evil = `"><img src=x onerror=evil=1>\u202egpj.${"x".repeat(90)}.exe`;
  const shownEvil = evil.replace("\u202e", "");
  const script = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" onload="window.evil=1"><script>evil=1</script></svg>',
  );
  await chooser(page).setInputFiles([
    { name: evil, mimeType: "text/plain", buffer: Buffer.from("words") },
    { name: "drawn.svg", mimeType: "image/svg+xml", buffer: script },
    // What a file is, its first bytes say.
    { name: "page.png", mimeType: "image/png", buffer: Buffer.from("<html><script>window.evil=1</script></html>") },
  ]);
  await page.getByRole("button", { name: `Remove ${shownEvil}`, exact: true }).waitFor();
  await say(page, "Look");
  await log(page).getByText("You said:").waitFor();
  for (const name of [shownEvil, "drawn.svg", "page.png"]) {
    const link = log(page).getByRole("link", { name });
    const saved = page.waitForEvent("download");
    await link.click();
    expect((await saved).suggestedFilename()).toContain(name.slice(-4));
  }
  await talkId(page);
  expect(await log(page).locator("img, iframe, object").count()).toBe(0);
  expect(await page.evaluate(() => (globalThis as { evil?: number }).evil ?? null)).toBe(null);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(view.width);
  expect(await seriousFaults(page)).toEqual([]);
});
