import type { Page } from "playwright-core";
import { expect } from "vitest";
import { log, say } from "./support/chat.ts";
import { everyView } from "./support/suite.ts";

/** The same in another language. */
const SAME = /^(word1 .*|ok – Parley|Parley|Agent|Enter|Trace|English|Русский|Deutsch|中文)$/;

everyView("languages: the page speaks each of the four, and nothing of it is left in English", async (desk) => {
  const { page, api, user, view } = desk;
  await say(page, "ok");
  await log(page).getByText("You said: ok").waitFor();
  const wordsIn = async (language: string) => {
    await api("PATCH", "/v1/me", { language });
    await page.goto(desk.door.url);
    await page.locator(`html[lang=${language}] .picker`).waitFor();
    const found = await words(page);
    if (view.width < 600) await page.locator(".top button").first().click();
    await page.locator(".talk-open").waitFor();
    found.push(...(await words(page)));
    await page.locator(".talk-open").click();
    await page.locator(".answer .bar").waitFor();
    await page.locator(".top button").last().click();
    await page.locator(".settings").waitFor();
    return [...found, ...(await words(page))];
  };
  const { body } = await api("GET", "/v1/models");
  const agents = body.data as { id: string; description: string }[];
  const names = ["ok", "You said: ok", user, ...agents.flatMap(({ id, description }) => [id, description])];
  const english = new Set(await wordsIn("en"));
  expect(english.size).toBeGreaterThan(40);
  for (const language of ["ru", "de", "zh"]) {
    const left = (await wordsIn(language)).filter(
      (text) => english.has(text) && !names.includes(text) && !SAME.test(text),
    );
    expect({ language, left }).toEqual({ language, left: [] });
  }
});

/** Whatever stands on the page, its title among it, or is said of it to those who listen. */
function words(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const all = [document.title];
    const found = document.createTreeWalker(
      document.querySelector("#page")!,
      NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT,
    );
    for (let node = found.nextNode(); node; node = found.nextNode()) {
      if (!(node instanceof Element)) all.push(node.nodeValue ?? "");
      else for (const name of ["aria-label", "title", "placeholder"]) all.push(node.getAttribute(name) ?? "");
    }
    return all.map((text) => text.trim()).filter((text) => text !== "");
  });
}

everyView("reduced motion: nothing moves for whoever wants it so, and something does for others", async ({ page }) => {
  await say(page, "slow still 20");
  await log(page).getByText("still3").waitFor();
  const moving = () => page.evaluate(() => document.getAnimations().length);
  expect(await moving()).toBe(0);
  await page.emulateMedia({ reducedMotion: "no-preference" });
  expect(await moving()).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" });
});

everyView("printed, no message stands on another", async ({ page }) => {
  await say(page, "rich please");
  await log(page).getByRole("columnheader", { name: "Way" }).waitFor();
  await page.emulateMedia({ media: "print" });
  // Paper has another width than the window, and nobody measures rows there: each follows what stands above it.
  const places = await log(page)
    .locator("[data-row]")
    .evaluateAll((rows) => rows.map((row) => getComputedStyle(row).position));
  expect(new Set(places)).toEqual(new Set(["static"]));
});
