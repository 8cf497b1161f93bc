import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { seriousFaults } from "./support/axe.ts";
import { composer, eventually, log, say, shown, stored } from "./support/chat.ts";
import { atDesk, everyView } from "./support/suite.ts";

/** The pieces of code that have a colour, from A to Z: blocks are coloured in any order. */
const coloured = (page: Page, colour: string) =>
  page.evaluate(
    (name) =>
      [...(CSS.highlights.get(name) ?? [])]
        .map(({ startContainer, startOffset, endOffset }) => startContainer.textContent.slice(startOffset, endOffset))
        .toSorted((one, other) => (one < other ? -1 : 1)),
    colour,
  );

everyView("Markdown with a table and highlighted code, to be copied", async ({ page }) => {
  await say(page, "rich please");
  await log(page).getByRole("columnheader", { name: "Way" }).waitFor();
  expect(
    await log(page)
      .getByRole("cell", { name: "1" })
      .evaluate((cell) => getComputedStyle(cell).textAlign),
  ).toBe("right");
  await eventually(() => coloured(page, "code-keyword"), ["b", "const", "export", "string"]);
  expect(await coloured(page, "code-string")).toEqual(['"<&>"']);
  expect(await coloured(page, "code-number")).toEqual(["1", "1", "n", "top"]);
  expect(await coloured(page, "code-title")).toEqual(["i", "style", "style"]);
  const colours = await log(page)
    .locator("pre code")
    .first()
    .evaluate((code) => [getComputedStyle(code, "::highlight(code-number)").color, getComputedStyle(code).color]);
  expect(new Set(colours).size).toBe(2);
  const link = log(page).getByRole("link", { name: "Docs" });
  expect(await link.getAttribute("href")).toBe("https://example.com/docs");
  expect(await link.getAttribute("rel")).toContain("noopener");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await log(page).getByRole("figure", { name: "ts" }).getByRole("button", { name: "Copy" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('export const n: string = "<&>" + 1;');
  expect(await seriousFaults(page)).toEqual([]);
});

test("code keeps its colours while more of it is written", async () => {
  await atDesk(async ({ page }) => {
    await say(page, "code please");
    const fewest = page.evaluate(async () => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      const colours = () => CSS.highlights.get("code-keyword")?.size ?? 0;
      while (colours() < 3) await frame();
      let least = Infinity;
      while (colours() < 20) {
        least = Math.min(least, colours());
        await frame();
      }
      return least;
    });
    expect(await fewest).toBeGreaterThan(2);
  });
});

everyView("each paragraph runs as its own words do", async ({ page }) => {
  await say(page, "both السلام عليكم");
  const words = log(page).locator("p", { hasText: "عليكم" });
  await words.waitFor();
  const gaps = await words.evaluate((paragraph) => {
    const range = document.createRange();
    range.selectNodeContents(paragraph);
    const [inner, outer] = [range.getBoundingClientRect(), paragraph.getBoundingClientRect()];
    return { left: inner.left - outer.left, right: outer.right - inner.right };
  });
  expect(gaps.right).toBeLessThan(1);
  expect(gaps.left).toBeGreaterThan(1);
});

everyView(
  "security-24, security-36: what people, models and tools write runs nothing and loads nothing",
  async (desk) => {
    const { page } = desk;
    await say(page, "evil <img src=x onerror=window.evil=1>");
    await log(page)
      .getByText("click data")
      .or(log(page).getByText("click", { exact: false }).first())
      .waitFor();
    await eventually(() => page.getByRole("button", { name: "Stop" }).count(), 0);
    await say(page, "count for me");
    await log(page).getByText("Done:").waitFor();
    await log(page).getByText("countLines").click();
    await log(page).getByText("lines <script>").first().waitFor();
    const { evil, tags, links } = await page.evaluate(() => ({
      evil: (globalThis as { evil?: number }).evil ?? null,
      tags: [
        ...document.querySelectorAll("#page :is(script, img, iframe, style, form[action], base, object, embed, math)"),
      ].length,
      links: [...document.querySelectorAll<HTMLAnchorElement>(".log a[href]")].map(({ protocol }) => protocol),
    }));
    expect(await shown(page)).toEqual(
      expect.arrayContaining([expect.stringContaining("<script>window.evil = 1</script>")]),
    );
    expect({ evil, tags }).toEqual({ evil: null, tags: 0 });
    expect(links.filter((protocol) => !/^(https?|mailto):$/.test(protocol))).toEqual([]);
  },
);

everyView("security-36: a link leads where its own answer says, whatever others call the same", async ({ page }) => {
  for (const href of ["https://one.example/", "https://two.example/"]) {
    await say(page, `refer ${href}`);
    const link = log(page).getByRole("link", { name: "the page" }).last();
    await eventually(() => link.getAttribute("href"), href);
  }
});

everyView("calls of tools are cards that open, and an approval is asked for, given and denied", async (desk) => {
  const { page } = desk;
  await say(page, "mail Ann");
  const card = log(page).getByRole("region", { name: "May this be done? sendMail" });
  await card.getByRole("button", { name: "Allow" }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  // Another look at the page still has the question.
  await page.reload();
  await card.getByRole("button", { name: "Allow" }).click();
  await log(page).getByText("Done: sent").waitFor();
  await log(page).getByText("sendMail").first().click();
  await log(page).getByRole("group", { name: "Result" }).getByText("sent").waitFor();
  await say(page, "mail Bob");
  await card.getByRole("button", { name: "Deny" }).click();
  await log(page)
    .getByText(/^Done: .*has denied it/)
    .waitFor();
});

everyView("what the model thinks is a card that opens, live and after a reload, and only text", async ({ page }) => {
  await say(page, "think of birds");
  await log(page).locator("summary", { hasText: "Thinking" }).click();
  const thoughts = log(page).getByRole("group", { name: "Reasoning" });
  await thoughts.getByText("<script>window.evil = 1</script>").waitFor();
  await thoughts.getByText("The word is heron.").waitFor();
  const whole = log(page).getByText(/^Thought for \d+ s$/);
  await whole.waitFor();
  await log(page).locator(".markdown", { hasText: "A heron." }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.reload();
  await whole.waitFor();
  expect(await thoughts.isVisible()).toBe(false);
  await whole.click();
  await thoughts.getByText("The word is heron.").waitFor();
  expect(await shown(page)).toEqual(["think of birds", "A heron."]);
  expect(await page.evaluate(() => (globalThis as { evil?: number }).evil ?? null)).toBe(null);
});

everyView("thumbs with a reason, kept over a reload", async (desk) => {
  const { page, api } = desk;
  await say(page, "rate me");
  await log(page).getByText("You said: rate me").waitFor();
  // The press takes longer than the words after it would.
  const isReason = (body: string | null) => body?.includes("too short") ?? false;
  await page.route("**/v1/feedback", async (route) => {
    if (!isReason(route.request().postData())) {
      const overtaken = page.waitForResponse((answer) => isReason(answer.request().postData()), { timeout: 1_000 });
      await overtaken.catch(() => undefined);
    }
    await route.continue();
  });
  await page.getByRole("button", { name: "Bad answer" }).click();
  await page.getByRole("textbox", { name: "What was wrong with it?" }).fill("too short");
  await page.getByRole("textbox", { name: "What was wrong with it?" }).press("Enter");
  const thumb = page.getByRole("button", { name: "Bad answer", pressed: true });
  await eventually(() => thumb.evaluate((node) => node === document.activeElement), true);
  await eventually(async () => {
    const { body } = await api("GET", "/v1/feedback?source=web");
    return (JSON.parse(body) as { rating: number; comment: string }[]).map(({ rating, comment }) => [rating, comment]);
  }, [[-1, "too short"]]);
  await page.reload();
  await page.getByRole("button", { name: "Bad answer", pressed: true }).waitFor();
});

everyView(
  "an answer that failed says why and is tried again, and one is answered again as another version",
  async (desk) => {
    const { page, view } = desk;
    await say(page, `fail ${view.width} ${view.colors}`);
    await page.getByRole("button", { name: "Try again" }).click();
    await log(page).getByText(`You said: fail ${view.width} ${view.colors}`).waitFor();
    await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
    await page.getByRole("button", { name: "Answer again" }).click();
    await page.getByRole("group", { name: "Version 3 of 3" }).waitFor();
    await log(page).getByText("You said: fail").waitFor();
    expect(await shown(page)).toHaveLength(2);
  },
);

everyView("a second message during an answer says that it waits, and has its turn", async (desk) => {
  const { page } = desk;
  await page.getByRole("combobox", { name: "Choose an agent" }).selectOption("waits");
  await say(page, "slow wait 4");
  await log(page).getByText("wait5").waitFor();
  await say(page, "then this");
  await log(page).getByText("Waits for the answer under way").waitFor();
  await log(page).getByText("You said: then this").waitFor();
  await eventually(() => shown(page), await stored(desk));
  expect(await composer(page).inputValue()).toBe("");
});

everyView(
  "operators find the trace of an answer; settings change language and colours at once",
  async ({ page, view }) => {
    await say(page, "trace me");
    await log(page).getByText("You said: trace me").waitFor();
    expect(await log(page).getByRole("link", { name: "Trace" }).getAttribute("href")).toMatch(
      /^\/admin\/traces\/[0-9a-f]{32}$/,
    );
    await page.getByRole("button", { name: "Settings" }).click();
    expect(await seriousFaults(page)).toEqual([]);
    const dark = view.colors === "dark";
    await page.getByRole("combobox", { name: "Colours" }).selectOption(dark ? "light" : "dark");
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await eventually(background, dark ? "rgb(251, 250, 248)" : "rgb(22, 24, 23)");
    await page.getByRole("combobox", { name: "Language" }).selectOption("de");
    await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("textbox", { name: "Nachricht" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
  },
  { role: "operator" },
);
